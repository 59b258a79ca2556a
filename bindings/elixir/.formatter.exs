# error_codes.ex is generated: its form is its generator's.
generated = ["lib/knocker_sqlite/error_codes.ex"]

inputs =
  ["{mix,.formatter}.exs", "{lib,test,samples,conformance}/**/*.{ex,exs}"]
  |> Enum.flat_map(&Path.wildcard(&1, match_dot: true))
  |> Enum.reject(&(&1 in generated))

[inputs: inputs, line_length: 120, locals_without_parens: [operation: 1]]
