# frozen_string_literal: true

require "net/http"
require "tmpdir"

# A Puma of its own, stopped by SIGTERM.
class Server
  attr_reader :path

  def self.open(rackup, *arguments, **environment)
    server = new(rackup, arguments, environment)
    yield server
    server.stop
  ensure
    server&.kill
  end

  def initialize(rackup, arguments, environment)
    @folder = Dir.mktmpdir("knocker")
    @path = File.join(@folder, "app.db")
    command = ["puma", "--no-config", "-b", "tcp://127.0.0.1:0", "-t", "32:32", *arguments, rackup]
    command.delete("--no-config") if arguments.include?("-C")
    reader, writer = IO.pipe
    variables = { "DATABASE" => @path, "RUBYLIB" => File.join(PACKAGE, "lib"), "RACK_ENV" => "production", "RUBYOPT" => nil }
    @pid = Process.spawn(variables.merge(environment.transform_keys(&:to_s)), *command, in: File::NULL, out: writer, err: writer)
    writer.close
    @output = +""
    @port = port(reader)
    @reading = Thread.new { @output << (reader.readpartial(4096)) until reader.eof? }
  end

  # Everything that it has printed.
  def output
    @output.dup
  end

  def post(path, body = "", headers = {})
    request = Net::HTTP::Post.new(path, headers)
    request.body = body
    request.content_type ||= "application/json"
    send(request)
  end

  def send(request)
    Net::HTTP.start("127.0.0.1", @port, read_timeout: 60) { |http| http.request(request) }
  end

  # Bytes as they are; answers the status.
  def raw(text)
    TCPSocket.open("127.0.0.1", @port) do |socket|
      socket.write(text)
      Integer(socket.gets[/ (\d+) /, 1])
    end
  end

  # End it as a supervisor does; answers its exit status.
  def stop
    return @status if @status

    Process.kill(:TERM, @pid)
    @status = Timeout.timeout(60) { Process.wait2(@pid).last }
    @reading.join(5)
    @status
  end

  def kill
    return if @status

    Process.kill(:KILL, @pid)
    Process.wait(@pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end

  private

  def port(reader)
    Timeout.timeout(60) do
      while (line = reader.gets)
        @output << line
        found = line[%r{Listening on http://127\.0\.0\.1:(\d+)}, 1]
        return Integer(found) if found
      end
    end
    raise "the server ended: #{@output}"
  end
end
