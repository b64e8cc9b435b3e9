# A mistake that the parser finds costs its own block: what stands behind it is read, and has its own mistakes.
camera "first" {
  segment = segment.cameras
  mac     = # ERROR: syntax-expression
  address = "10.30.0.51"
}

camera "second" { # ERROR: missing-attribute
  segment = segment.cameras
  address = "10.30.0.52"
}
