ExUnit.start(capture_log: true, timeout: 60_000)
