# Tests that take long, such as the million calls, run by name only.
ExUnit.start(exclude: [:long], capture_log: true, timeout: 60_000)
