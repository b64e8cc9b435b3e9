recorder "nvr-1" {
  segment   = segment.recorders
  addresses = ["10.40.0.10", "fd40::10"]
  mac       = "00:11:32:aa:bb:cc"
}

recorder "nvr-2" {
  segment     = segment.recorders
  address     = "10.40.0.11"
  description = "Its MAC is not known yet: it is recognised by interface and address alone"
}

service "hik-sdk" {
  tcp         = ["8000", "8443"]
  description = "Hikvision device SDK"
}

service "media" {
  udp         = ["6100-6299"]
  description = "RTP over UDP, from the camera to the recorder"
}

# The recorders open the streams.
allow "record" {
  from     = [recorder.nvr-1, recorder.nvr-2]
  to       = segment.cameras
  services = ["rtsp", "onvif", service.hik-sdk]
}

allow "media" {
  from     = segment.cameras
  to       = recorder.nvr-1
  services = [service.media]
}

# Motion events: the gym's cameras post to the recorder.
allow "alarm" {
  from     = group.gym
  to       = recorder.nvr-1
  services = ["http"]
}

allow "watch" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
}

allow "repair" {
  from        = host.jump
  to          = segment.cameras
  services    = ["https", "ping"]
  description = "The technician opens a camera's own pages"
}

allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}
