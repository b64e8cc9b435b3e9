group "east" { # WARNING: group-empty
  where = { building = "east" }
}

allow "clean" { # WARNING: opens-nothing
  from     = segment.office
  to       = group.east
  services = ["https"]
}

allow "watch" {
  from     = segment.office
  to       = segment.recorders
  services = ["https", "rtsp"]
}

allow "watch-one" { # WARNING: covered
  from     = host.jump
  to       = recorder.nvr-1
  services = ["https"]
}

allow "same" {
  from     = segment.office
  to       = camera.gym-north
  services = ["https"]
}

allow "same-again" { # WARNING: covered
  from     = segment.office
  to       = [camera.gym-north]
  services = ["https"]
}

camera "dual" {
  segment   = segment.cameras
  mac       = "44:19:b6:00:00:01"
  addresses = ["10.30.0.31", "fd30::31"]
}

allow "alarm" { # WARNING: one-family
  from     = camera.dual
  to       = recorder.nvr-1
  services = ["http"]
}

allow "neighbours" { # WARNING: same-segment
  from     = camera.gym-north
  to       = camera.dual
  services = ["http"]
}

allow "lan" {
  from     = segment.office
  to       = "10.77.0.0/16" # WARNING: private-uplink
  services = ["https"]
}

recorder "nvr-1-office" { # WARNING: two-cards
  segment = segment.office
  address = "10.50.0.10"
}

recorder "nvr-1_core" { # the same segment: no second way
  segment = segment.recorders
  address = "10.40.0.11"
}

recorder "nvr-1-2" { # a number is another machine
  segment = segment.office
  address = "10.50.0.11"
}

recorder "nvr-1-b" { # and so is one letter
  segment = segment.office
  address = "10.50.0.12"
}

recorder "nvr-10" {
  segment = segment.office
  address = "10.50.0.13"
}

recorder "nvr-1-cameras" {
  segment = segment.cameras # WARNING: recorder-unseen
  address = "10.30.0.10"
}

recorder "nvr-1-cameras-again" { # WARNING: two-cards
  segment = segment.office
  address = "10.50.0.14"
}
