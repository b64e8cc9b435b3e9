# What this policy does not allow is refused.
site "demo" {}

segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
  refuse    = "reject"
}

segment "recorders" {
  kind      = "recorder"
  interface = "rec0"
  addresses = ["10.40.0.1/24", "fd40::1/64"]
}

segment "office" {
  kind      = "client"
  interface = "lan0"
  addresses = ["10.50.0.1/24", "fd50::1/64"]
}

segment "internet" {
  kind       = "uplink"
  interface  = "wan0"
  addresses  = ["203.0.113.2/24", "2001:db8::2/64"]
  masquerade = [segment.office]
  route {
    to  = ["0.0.0.0/0"]
    via = "203.0.113.80"
  }
  route {
    to  = ["::/0"]
    via = "2001:db8::80"
  }
}

manage {
  from     = [segment.office]
  services = ["ssh"]
}

camera "gym-north" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:21"
  addresses = ["10.30.0.21", "fd30::21"]
}

camera "entrance" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:22"
  addresses = ["10.30.0.22", "fd30::22"]
}

recorder "nvr-1" {
  segment   = segment.recorders
  mac       = "00:11:32:00:00:10"
  addresses = ["10.40.0.10", "fd40::10"]
}

allow "record" {
  from     = recorder.nvr-1
  to       = segment.cameras
  services = ["rtsp"]
}

allow "alarm" {
  from     = camera.entrance
  to       = recorder.nvr-1
  services = ["syslog"]
}

allow "watch" {
  from     = segment.office
  to       = camera.entrance
  services = ["rtsp"]
}

allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}
