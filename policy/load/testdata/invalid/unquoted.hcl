# What stands without quotes, or without its sign, is told as that.
camera "one" {
  segment = segment.cameras
  mac     = 44:19:b6:00:09:01 # ERROR: syntax-unquoted
}

camera "two" {
  segment = segment.cameras
  mac     = "44:19:b6:00:09:02"
  address = 10.30.0.61 # ERROR: syntax-unquoted
}

camera "three" {
  segment = segment.cameras
  mac     "44:19:b6:00:09:03" # ERROR: syntax-no-equals
}

camera "four" {
  segment = segment.cameras
  mac     = 4419.b600.0904 # ERROR: syntax-unquoted
  address = "10.30.0.64"
}

host "five" {
  segment   = segment.office
  addresses = ["10.50.0.70", 10.50.0.71] # ERROR: syntax-unquoted
}

recorder "six" {
  segment = segment.recorders
  mac     = "44:19:b6:00:09:06"
  addres  = "10.40.0.60" # ERROR: unknown-attribute
}

host "seven" {
  segment = segment.office
  ip      = "10.50.0.72" # ERROR: unknown-attribute
}

allow "out" {
  from     = host.seven
  to       = 198.51.100.0/24 # ERROR: syntax-unquoted
  services = ["https"]
}
