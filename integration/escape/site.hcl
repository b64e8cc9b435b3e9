site "school" {}
segment "cameras" {
  kind      = "camera"
  interface = "cam0"
  addresses = ["10.30.0.1/24", "fd30::1/64"]
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
  services = ["ssh", "ping"]
}
camera "c1" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:01"
  addresses = ["10.30.0.21", "fd30::21"]
}
camera "c2" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:02"
  address = "10.30.0.22"
}
recorder "nvr" {
  segment   = segment.recorders
  mac       = "00:11:32:aa:bb:cc"
  addresses = ["10.40.0.10", "fd40::10"]
}
recorder "nvr2" {
  segment = segment.recorders
  address = "10.40.0.11"
}
host "jump" {
  segment = segment.office
  address = "10.50.0.9"
  mac     = "3c:52:82:00:00:09"
}
service "media" {
  udp = ["6100-6299"]
}

allow "record" {
  from     = [recorder.nvr, recorder.nvr2]
  to       = segment.cameras
  services = ["rtsp", "onvif"]
}
allow "media" {
  from     = segment.cameras
  to       = recorder.nvr
  services = [service.media]
}
allow "alarm" {
  from     = camera.c1
  to       = recorder.nvr
  services = ["syslog"]
}
allow "watch" {
  from     = segment.office
  to       = recorder.nvr
  services = ["https", "ping"]
}
allow "repair" {
  from     = host.jump
  to       = segment.cameras
  services = ["https"]
}
allow "look" {
  from     = "10.50.0.0/29"
  to       = camera.c2
  services = ["https"]
}
allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}
