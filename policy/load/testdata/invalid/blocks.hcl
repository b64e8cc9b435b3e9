camra "gym" { # ERROR: unknown-block
}

nothing = 1 # ERROR: top-attribute

camera { # ERROR: missing-label
}

camera "one" "two" { # ERROR: extra-label
  segment = segment.cameras
  mac     = "44:19:b6:00:00:01"
  address = "10.30.0.31"
}

manage "office" { # ERROR: no-label
  from     = [segment.office]
  services = ["ssh"]
}

camera "two words" { # ERROR: bad-label
}

camera "incomplete" { # ERROR: missing-attribute missing-attribute missing-attribute
}

camera "misspelt" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:02"
  addres  = "10.30.0.32" # ERROR: unknown-attribute
  address = "10.30.0.32"
  labels {               # ERROR: attribute-not-block
  }
}

segment "shop" {
  kind      = "client"
  interface = "eth9"
  addresses = ["10.90.0.1/24"]
  route     = {} # ERROR: block-not-attribute
  routes { # ERROR: unknown-inner-block
  }
}

recorder "nvr-1" { # ERROR: duplicate-name
  segment = segment.recorders
  address = "10.40.0.20"
}

site "second" { # ERROR: second-site
}

dynamic { # ERROR: dynamic-label
}

dynamic "locals" { # ERROR: dynamic-locals
  for_each = []
  content {
  }
}

dynamic "camera" { # ERROR: missing-attribute
  for_each = []
  labls    = [] # ERROR: unknown-attribute
}

dynamic "camera" { # ERROR: missing-label
  for_each = ["a", "b"]
  iterator = "x" # ERROR: bad-iterator
  content {
  }
  content { # ERROR: content-twice
  }
}

dynamic "camera" {
  for_each = 7 # ERROR: bad-for-each
  labels   = ["x"]
  content {
  }
}

dynamic "camera" {
  for_each = ["a"]
  labels   = "x" # ERROR: bad-labels
  content {
  }
}
