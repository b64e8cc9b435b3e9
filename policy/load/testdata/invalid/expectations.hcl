locals {
  none = []
}

expect "" { # ERROR: bad-statement
}

expect "two\nlines" { # ERROR: bad-statement
}

dynamic "expect" {
  for_each = ["  "]
  labels   = [expect.value] # ERROR: bad-statement
  content {
  }
}

expect "nothing is said" { # ERROR: missing-attribute missing-attribute missing-attribute missing-attribute
}

expect "whatever" {
  from     = ["any", segment.cameras] # ERROR: any-endpoint
  to       = local.none               # ERROR: names-nothing
  except   = ["any"]                  # ERROR: any-endpoint
  services = ["rstp"]                 # ERROR: unknown-service
  verdict  = "refused"                # ERROR: bad-choice
}

expect "whatever" { # ERROR: duplicate-name
  from     = "segment.cameras"  # ERROR: quoted-reference
  to       = ["meet.example.com"] # ERROR: name-place
  services = ["any"]
  verdict  = null # ERROR: empty-value
  unless   = []   # ERROR: unknown-attribute
}

expect "and where it ends" {
  from     = expect.whatever # ERROR: unknown-name
  to       = ["any"]
  except   = ["media.example.com", exception.firmware] # ERROR: needs-names unknown-name
  services = ["any"]
  verdict  = "blocked"
}
