# Ports of the side that is opened. See the built-in services with: cordon services
service "sdk" {
  description = "The recorder's own protocol, and its media over UDP"
  tcp         = ["8000", "8443"]
  udp         = ["6100-6299"]
}

# Who may open which services towards whom: a camera, group, recorder, host, segment or a literal address or network; one, or a list.
# Replies come back by themselves, nothing else does.
allow "record" {
  description = "The recorders open the streams"
  from        = local.recorders
  to          = [segment.cameras, segment.doors]
  services    = ["rtsp", "onvif", service.sdk]
}

allow "alarm" {
  from     = group.west
  to       = recorder.nvr-1
  services = ["http"]
}

allow "watch" {
  from     = segment.office
  to       = local.recorders
  services = ["https"]
}

allow "surf" {
  from     = segment.office
  to       = segment.internet
  services = ["any"]
}

# By schedule, in the site's time zone. Several blocks add up.
allow "clean" {
  from     = host.jump
  to       = group.west
  services = ["https"]
  during {
    days  = ["mon-fri"] # mon … sun, or a run; every day by default
    hours = "08:00-17:00"
  }
  during {
    days  = ["sat", "sun"]
    hours = "22:00-04:00" # belongs to the day it starts on; the whole day by default
  }
}

# Open from the moment it is applied, and closed by itself. Somebody answers for it.
exception "firmware-2026-12" {
  description = "One camera fetches its firmware from the maker"
  from        = camera.gym-north
  to          = [local.firmware]
  services    = ["https"]
  until       = "2026-12-18T17:00" # in the site's time zone, or with an offset: "2026-12-18T17:00:00-05:00"
  reason      = "Firmware 5.7.15, CVE-2021-36260"
  owner       = "mtremblay"
  ticket      = "CHG-1042" # optional
  during {                 # optional: only then
    hours = "20:00-23:00"
  }
}
