[
  inputs: ["{mix,.formatter}.exs", "{lib,test,samples,conformance}/**/*.{ex,exs}"],
  line_length: 120,
  locals_without_parens: [operation: 1, operation: 2, bulk: 1]
]
