segment "wing" {
  kind      = "camera"
  interface = "eth4"
  addresses = ["10.31.0.1/24"]
}

expect "the recorder records the wing" { # WARNING: expects-nothing
  from     = recorder.nvr-1
  to       = segment.wing
  services = ["rtsp"]
  verdict  = "allowed"
}

expect "the wing never leaves, whoever is plugged in there" {
  from     = segment.wing
  to       = segment.internet
  services = ["any"]
  verdict  = "blocked"
}

group "nobody" { # WARNING: group-empty
  where = { building = "none" }
}

expect "nobody reaches nobody" { # WARNING: expects-nothing
  from     = segment.office
  to       = [group.nobody]
  services = ["any"]
  verdict  = "blocked"
}
