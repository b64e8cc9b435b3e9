service "rtp" {
  description = "The telephones' voice: a fixed range on both sides, since nothing opens ports by itself"
  udp         = ["16384-16484"]
}

allow "record" {
  from     = recorder.nvr-a
  to       = local.cameras
  services = ["rtsp", "onvif"]
}

allow "record-wards" {
  description = "Motion events of the wards; the pictures go to the card that stands there"
  from        = segment.wards
  to          = recorder.nvr-a
  services    = ["http"]
}

allow "call" {
  from     = group.intercoms
  to       = host.pbx
  services = ["sip", service.rtp]
}

allow "ring" {
  from     = host.pbx
  to       = group.intercoms
  services = ["sip", service.rtp]
}

allow "poll" {
  from     = host.nms
  to       = [segment.wards, segment.entrances, segment.pharmacy, recorder.nvr-a]
  services = ["snmp", "ping"]
}

allow "traps" {
  from     = [segment.wards, segment.entrances, recorder.nvr-a]
  to       = host.nms
  services = ["snmp-trap", "syslog"]
}

allow "watch" {
  from     = host.admin
  to       = recorder.nvr-a
  services = ["https"]
}

# The guards open the doors' own pages in the daytime only.
allow "doors" {
  from     = host.admin
  to       = group.intercoms
  services = ["https"]
  during {
    days  = ["mon-fri"]
    hours = "07:00-19:00"
  }
}

expect "cameras never leave by the uplink" {
  from     = local.cameras
  to       = segment.wan
  services = ["any"]
  verdict  = "blocked"
}

expect "the pharmacy reaches nothing" {
  from     = segment.pharmacy
  to       = ["any"]
  services = ["any"]
  verdict  = "blocked"
}

expect "wards reach the recorder and the NMS, nothing else" {
  from     = segment.wards
  to       = ["any"]
  except   = [recorder.nvr-a, host.nms]
  services = ["any"]
  verdict  = "blocked"
}

expect "every camera is recorded" {
  from     = recorder.nvr-a
  to       = local.cameras
  services = ["rtsp"]
  verdict  = "allowed"
}
