recorder "nvr-a" {
  segment   = segment.recorders
  addresses = ["10.40.0.10", "fd40::10"]
  mac       = "ac:1f:6b:00:00:10"
}

# Its second card stands among the cameras of the wards. What crosses the recorder from one card to the other never crosses the gateway,
# which validate says at every reading.
recorder "nvr-a-wards" {
  segment   = segment.wards
  addresses = ["10.31.0.10", "fd31::10"]
  mac       = "ac:1f:6b:00:00:11"
}

host "pbx" {
  description = "Telephone exchange"
  segment     = segment.core
  addresses   = ["10.60.0.20", "fd60::20"]
  mac         = "00:04:f2:00:00:20"
}

host "nms" {
  description = "Regional monitoring, behind a route: there is no MAC to bind"
  segment     = segment.core
  addresses   = ["172.16.5.5", "fd16::5"]
}

host "admin" {
  description = "The security office"
  segment     = segment.core
  addresses   = ["10.60.0.9", "fd60::9"]
  mac         = "3c:52:82:00:00:09"
}

# A camera has the same last number in both families.
dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment   = segment[row.value.segment]
    mac       = row.value.mac
    addresses = [for network in local.networks[row.value.segment] : cidrhost(network, row.value.host)]
    model     = row.value.model
    labels    = { role = row.value.role }
  }
}

locals {
  networks = {
    wards     = ["10.31.0.0/23", "fd31::/64"]
    entrances = ["10.32.0.0/24", "fd32::/64"]
    pharmacy  = ["10.33.0.0/28", "fd33::/64"]
  }
  cameras = [segment.wards, segment.entrances, segment.pharmacy]
}

group "intercoms" {
  where = { role = "intercom" }
}
