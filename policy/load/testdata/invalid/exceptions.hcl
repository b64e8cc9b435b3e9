exception "bare" { # ERROR: missing-attribute missing-attribute missing-attribute missing-attribute missing-attribute missing-attribute
}

exception "blank" {
  from     = camera.gym-north
  to       = "198.51.100.7"
  services = ["https"]
  until    = ""   # ERROR: empty-value
  reason   = " "  # ERROR: empty-value
  owner    = null # ERROR: empty-value
}

exception "for-ever" {
  from     = camera.gym-north
  to       = segment.internet
  services = ["any"]                  # ERROR: any-uplink
  until    = "2026-12-01 04:00" # ERROR: bad-until
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}

exception "never" {
  from     = camera.gym-north
  to       = segment.internet
  services = ["http"]
  until    = "2026-11-31T04:00" # ERROR: bad-until
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
  expires  = "soon" # ERROR: unknown-attribute
}

exception "too-long" {
  from     = camera.gym-north
  to       = segment.internet
  services = ["https"]
  until    = "2026-12-02T07:01" # ERROR: exception-long
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}

exception "just-fits" {
  from     = camera.gym-north
  to       = segment.internet
  services = ["ssh"]
  until    = "2026-12-02T07:00"
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
  ticket   = ["CHG-1042"] # ERROR: want-text
}

exception "day" {
  from     = camera.gym-north
  to       = "10.30.0.1" # ERROR: to-gateway
  services = ["https"]
  until    = "2026-11-20" # ERROR: bad-until
  reason   = "Firmware 5.7.15"
  owner    = "mtremblay"
}
