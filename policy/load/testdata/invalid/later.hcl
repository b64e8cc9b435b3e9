segment "observed" {
  kind    = "camera"
  mode    = "observe" # WARNING: not-enforced
  bridge { # ERROR: not-yet
    name = "br0"
  }
  vlan { # ERROR: not-yet
  }
}

camera "port" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:01"
  address = "10.30.0.31"
  port    = "cam1" # ERROR: not-yet
}

allow "window" {
  from     = segment.office
  to       = camera.port
  services = ["https"]
}

allow "name" {
  from     = segment.office
  to       = "meet.example.com" # ERROR: not-yet
  services = ["https"]
}

expect "cameras never reach the internet" { # ERROR: not-yet
}

dynamic "expect" { # ERROR: not-yet
  for_each = []
  content {
  }
}
