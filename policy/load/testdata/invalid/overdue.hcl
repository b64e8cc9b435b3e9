exception "over" {
  from     = camera.gym-north
  to       = "198.51.100.7"
  services = ["https"]
  until    = "2026-11-02T07:00" # WARNING: exception-over
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}

exception "over-and-never-open" {
  from     = camera.gym-north
  to       = "198.51.100.6"
  services = ["https"]
  until    = "2026-11-01T07:00" # WARNING: exception-over
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
  during {
    days = ["fri"]
  }
}

exception "live" {
  from     = camera.gym-north
  to       = "198.51.100.8"
  services = ["https"]
  until    = "2026-11-02T07:00:01-05:00"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}

exception "one-night" {
  from     = camera.gym-north
  to       = "198.51.100.9"
  services = ["https"]
  until    = "2026-11-06T22:00"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
  during { # WARNING: never-opens
    days  = ["fri"]
    hours = "22:00-04:00"
  }
}

exception "tonight" {
  from     = camera.gym-north
  to       = "198.51.100.10"
  services = ["https"]
  until    = "2026-11-02T22:01"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
  during {
    hours = "22:00-04:00"
  }
}

exception "now" {
  from     = camera.gym-north
  to       = "198.51.100.11"
  services = ["https"]
  until    = "2026-11-02T08:00"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
  during {
    hours = "07:00-08:00"
  }
}

group "empty" { # WARNING: group-empty
  where = { building = "none" }
}

exception "nobody" { # WARNING: opens-nothing
  from     = group.empty
  to       = "198.51.100.7"
  services = ["https"]
  until    = "2026-11-20T07:00"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}

allow "watch" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["https"]
}

exception "watch-too" { # WARNING: covered
  from     = host.jump
  to       = recorder.nvr-1
  services = ["https"]
  until    = "2026-11-20T07:00"
  reason   = "Nobody saw that everybody may"
  owner    = "mtremblay"
}

exception "longer" {
  from     = host.jump
  to       = camera.gym-north
  services = ["https", "ssh"]
  until    = "2026-11-20T07:00"
  reason   = "Adjusting the view"
  owner    = "mtremblay"
}

exception "shorter" { # WARNING: covered
  from     = host.jump
  to       = camera.gym-north
  services = ["https"]
  until    = "2026-11-19T07:00"
  reason   = "Adjusting the view"
  owner    = "mtremblay"
}

allow "clean-by-day" {
  from     = host.jump
  to       = camera.gym-north
  services = ["ssh"]
  during {
    hours = "08:00-17:00"
  }
}

allow "clean-on-monday" { # WARNING: covered
  from     = host.jump
  to       = camera.gym-north
  services = ["ssh"]
  during {
    days  = ["mon"]
    hours = "08:00-12:00"
  }
}

allow "clean-on-friday" {
  from     = host.jump
  to       = camera.gym-north
  services = ["ssh"]
  during {
    days  = ["fri"]
    hours = "08:00-17:01"
  }
}
