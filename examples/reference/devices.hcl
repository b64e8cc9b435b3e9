# A camera is recognised by MAC and address and interface, all three.
camera "gym-north" {
  description = "Above the north door"
  segment     = segment.cameras
  mac         = "44:19:b6:12:34:56"
  addresses   = ["10.30.0.21", "fd30::21"] # or: address = "10.30.0.21"
  model       = "DS-2CD2143G0-I"           # free text
  vendor      = "hikvision"                # instead of what the MAC says
  acquired    = "2021-08-15"               # decides which restrictions apply
  labels      = { building = "gym", floor = "1" }
}

camera "front-door" {
  segment = segment.doors
  mac     = "44-19-b6-12-34-57"
  address = "10.31.0.21"
  port    = "lan1" # on a bridge: this port only
}

# Many from a file, by the standard dynamic block. A mistake in a row is reported at its line of the file.
dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment[row.value.segment]
    mac     = row.value.mac
    address = row.value.address
    labels  = { building = row.value.building }
  }
}

# A recorder stands in a recorder, client or camera segment. A second network card is a second recorder block.
recorder "nvr-1" {
  description = "Records everything"
  segment     = segment.archive
  address     = "10.40.0.10"        # or: addresses = [v4, v6]
  mac         = "00:11:32:aa:bb:cc" # optional; binds it when given
  model       = "DS-9632NI"
  vendor      = "hikvision"
  acquired    = "2020-01-31"
  labels      = { rack = "a" }
}

recorder "nvr-2" {
  segment   = segment.recorders
  addresses = ["10.31.0.10"]
  port      = "lan3"
}

# Any other machine that the policy names, in a client segment.
host "jump" {
  description = "The technicians' station"
  segment     = segment.office
  addresses   = ["10.50.0.9"]
  mac         = "3c:52:82:00:00:09"
  model       = "OptiPlex 7010"
  vendor      = "dell"
  acquired    = "2023-05-02"
  labels      = { room = "101" }
}

host "monitoring" {
  segment = segment.office
  address = "172.16.5.5" # behind a route, its MAC is never seen
}

# Cameras by name, or by label: every pair must match.
group "gym" {
  description = "The gymnasium's own"
  cameras     = [camera.gym-north, camera["101-corridor"]] # a name that begins with a digit stands in brackets
}

group "west" {
  where = { building = "west" }
}
