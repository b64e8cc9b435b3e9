segment "answered" {
  kind      = "camera"
  interface = "eth4"
  addresses = ["10.31.0.1/24"]
  serve {
    names = "sinkhole"
  }
}

camera "meets" {
  segment = segment.answered
  mac     = "44:19:b6:00:00:01"
  address = "10.31.0.31"
}

allow "meet" {
  from     = segment.answered
  to       = ["meet.example.com", "*.example.com", "média.example.com", "MEDIA.example.com."] # ERROR: needs-names bad-domain bad-domain needs-names
  services = ["https"]
}

allow "meet-unanswered" {
  from     = [camera.meets, camera.gym-north]
  to       = "meet.example.com" # ERROR: name-unserved
  services = ["https"]
}

allow "spelt" {
  from = segment.answered
  to = [ # the first four can be names, which is all that is wrong with them
    "p2p_eu.example.com",       # ERROR: needs-names
    "_sip._tcp.example.com",    # ERROR: needs-names
    "2cam.x--y.1and1.com",      # ERROR: needs-names
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com", # ERROR: needs-names
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com", # ERROR: bad-domain
    "-cam.example.com",         # ERROR: bad-domain
    "cam-.example.com",         # ERROR: bad-domain
    "cam..example.com",         # ERROR: bad-domain
    "cam+1.example.com",        # ERROR: bad-domain
  ]
  services = ["https"]
}

allow "met" {
  from     = "meet.example.com" # ERROR: name-place
  to       = segment.answered
  services = ["https"]
}

exception "meet-once" {
  from     = "10.30.0.0/25"
  to       = "meet.example.com" # ERROR: name-unserved
  services = ["https"]
  until    = "2026-11-20T07:00"
  reason   = "A meeting"
  owner    = "mtremblay"
}

allow "browse" {
  from     = segment.office
  to       = ["www.example.com", "10.50.0.300"] # ERROR: needs-names bad-prefix
  services = ["https"]
}

manage {
  from     = "admin.example.com" # ERROR: name-place
  services = ["ssh"]
}
