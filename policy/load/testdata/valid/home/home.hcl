site "home" {
}

segment "cameras" {
  kind      = "camera"
  interface = "eth1"
  addresses = ["192.168.30.1/24"]
}

segment "lan" {
  kind      = "uplink"
  interface = "eth0"
}

manage {
  from = []
}

recorder "nas" {
  segment = segment.lan-side
  address = "192.168.1.10"
}

segment "lan-side" {
  kind      = "client"
  interface = "eth2"
  addresses = ["192.168.1.1/24"]
}

camera "porch" {
  segment = segment.cameras
  mac     = "44:19:b6:12:34:56"
  address = "192.168.30.10"
}

allow "record" {
  from     = recorder.nas
  to       = camera.porch
  services = ["rtsp"]
}
