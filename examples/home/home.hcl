# Cameras on one port of the box, everything else of the house on the other. The recorder watches; nobody else reaches a camera, and no
# camera reaches anything.
site "home" {}

segment "cameras" {
  kind      = "camera"
  interface = "eth1"
  addresses = ["192.168.30.1/24"]
}

segment "house" {
  kind      = "client"
  interface = "eth0"
  addresses = ["192.168.1.2/24"]
}

manage {
  from     = [segment.house]
  services = ["ssh", "ping"]
}

camera "door" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:01"
  address = "192.168.30.21"
}

recorder "nas" {
  segment = segment.house
  address = "192.168.1.10"
}

allow "record" {
  from     = recorder.nas
  to       = segment.cameras
  services = ["rtsp", "onvif"]
}
