camera "101-corridor" {
  segment = segment.camera # ERROR: unknown-reference
  mac     = "44:19:b6:00:00:01"
  address = "10.30.0.31"
}

camera "quoted" {
  segment = "segment.cameras" # ERROR: quoted-reference
  mac     = "44:19:b6:00:00:02"
  address = "10.30.0.32"
}

camera "wrong" {
  segment = recorder.nvr-1 # ERROR: wrong-kind
  mac     = "44:19:b6:00:00:03"
  address = "10.30.0.33"
}

camera "text" {
  segment = "cameras" # ERROR: want-reference
  mac     = "44:19:b6:00:00:04"
  address = "10.30.0.34"
}

camera "word" {
  segment = cameras # ERROR: unknown-name
  mac     = segment.cameras.mac # ERROR: reference-attribute
  address = local.addres # ERROR: unknown-local
}

locals {
  address = "10.30.0.35"
  address = "10.30.0.36" # ERROR: syntax-redefined
  a       = local.b
  b       = local.a # ERROR: circle
  box     = { inside = "10.30.0.37" }
}

locals {
  box = 1 # ERROR: duplicate-name
  inner { # ERROR: unknown-inner-block
  }
}

camera "key" {
  segment = segment.cameras
  mac     = lowr("44:19:B6:00:00:05") # ERROR: unknown-function
  address = local.box.insid           # ERROR: unknown-key
}

group "corridors" {
  cameras = [
    camera.101-corridor, # ERROR: reference-digit
    camera["gym-south"], # ERROR: unknown-reference
    "camera.gym-north",  # ERROR: quoted-reference
    segment.cameras,     # ERROR: wrong-kind
  ]
}

allow "record" {
  from     = recorder.nvr-2       # ERROR: unknown-reference
  to       = service.nothing      # ERROR: unknown-reference
  services = ["rstp", segment.cameras, "segment.cameras"] # ERROR: unknown-service wrong-kind quoted-reference
}

allow "types" {
  from     = { a = 1 }  # ERROR: want-endpoint
  to       = recorder.nvr-1
  services = "https"    # ERROR: want-list
}

allow "service" {
  from     = segment.office
  to       = recorder.nvr-1
  services = ["sdk", "tcp/443", service.sdk] # ERROR: service-quoted service-port
}

allow "direct" {
  from     = segment.office
  to       = service.sdk # ERROR: wrong-kind
  services = ["https"]
}

service "sdk" {
  tcp = ["8000"]
}

camera "arithmetic" {
  segment = segment.cameras
  mac     = "44:19:b6:00:00:06"
  address = cidrhost("10.30.0.0/24", 900) # ERROR: function-error
  model   = 1 + "x"                       # ERROR: operand
}
