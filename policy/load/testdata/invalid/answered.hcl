segment "served" {
  kind      = "camera"
  interface = "eth4"
  addresses = ["10.31.0.1/24"]
  serve {
    time  = "intercept"
    names = "sinkhole"
  }
}

segment "timed" {
  kind      = "camera"
  interface = "eth5"
  addresses = ["10.32.0.1/24"]
  serve {
    time = "local"
  }
}

camera "served" {
  segment = segment.served
  mac     = "44:19:b6:00:00:01"
  address = "10.31.0.21"
}

camera "timed" {
  segment = segment.timed
  mac     = "44:19:b6:00:00:02"
  address = "10.32.0.21"
}

service "clock" {
  udp = ["123"]
}

service "clock-by-tcp" {
  tcp = ["123"]
}

service "around" {
  udp = ["53-123"]
}

allow "clocks" {
  from = [camera.timed, camera.served]
  to   = segment.internet
  services = [
    "ntp",                # WARNING: answered-here
    "dns",                # WARNING: answered-here
    service.clock,        # WARNING: answered-here
    service.clock-by-tcp,
    service.around,
    "ping",
  ]
}

allow "timed" {
  from     = camera.timed
  to       = recorder.nvr-1
  services = ["ntp", "dns"]
}

allow "ask-the-camera" {
  from     = recorder.nvr-1
  to       = camera.served
  services = [
    "ntp",         # WARNING: replies-kept
    "dns",         # WARNING: replies-kept
    service.clock, # WARNING: replies-kept
    service.clock-by-tcp,
    service.around,
    "https",
  ]
}

allow "ask-another-camera" {
  from     = recorder.nvr-1
  to       = camera.timed
  services = ["ntp"]
}

exception "clock" {
  from     = camera.served
  to       = host.jump
  services = ["ntp"] # WARNING: answered-here
  until    = "2026-11-20T00:00:00Z"
  reason   = "a clock"
  owner    = "somebody"
}
