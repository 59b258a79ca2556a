# frozen_string_literal: true

# An application of Puma's cluster mode: the hook of cluster.rb opens $inbox in each worker. With OPEN=early it is opened here, which
# under preload_app! is in the parent.

require "knocker"

# A route, and a way to see which process answers.
class ClusterApp
  def self.open
    $inbox = KnockerSqlite.open(ENV.fetch("DATABASE"), receive_timeout_ms: 60_000, busy_timeout_ms: 60_000)
    $inbox.add_endpoint("shop", provider: "token-header", secrets: "t")
    $inbox.register_handler("shop") { |_, _| nil }
  end

  def call(env)
    result = $inbox.receive(endpoint: "shop", body: env["rack.input"], headers: env, query: env["QUERY_STRING"])
    status, headers, body = result.response.to_rack
    [status, headers.merge("x-process" => Process.pid.to_s), body]
  rescue KnockerSqlite::Error => error
    [error.http_status, { "x-process" => Process.pid.to_s }, ["#{error.code}: #{error.message}"]]
  end
end

ClusterApp.open if ENV["OPEN"] == "early"
run ClusterApp.new
