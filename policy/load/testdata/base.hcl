site "levis-01" {
  scope    = "segments"
  timezone = "America/Toronto"
}

segment "cameras" {
  kind      = "camera"
  interface = "eth1"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
}

segment "recorders" {
  kind      = "recorder"
  interface = "eth2"
  addresses = ["10.40.0.1/24"]
}

segment "office" {
  kind      = "client"
  interface = "eth3"
  addresses = ["10.50.0.1/24"]
  route {
    to  = ["172.16.0.0/12"]
    via = "10.50.0.254"
  }
}

segment "internet" {
  kind      = "uplink"
  interface = "eth0"
}

recorder "nvr-1" {
  segment = segment.recorders
  address = "10.40.0.10"
}

host "jump" {
  segment = segment.office
  address = "10.50.0.9"
}

camera "gym-north" {
  segment = segment.cameras
  mac     = "44:19:b6:12:34:56"
  address = "10.30.0.21"
  labels  = { building = "gym" }
}
