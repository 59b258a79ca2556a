# frozen_string_literal: true

# Runs the ruby blocks of one documentation page, in order, in one interpreter: what docs_program.py is for Python. Started by
# docs_test.py in an empty directory. The secrets of the samples are in the environment, and +signed(provider, body)+ answers
# the headers that the sender would send for a body, signed with them.

require "json"
require "knocker"

SECRETS = { "stripe" => "STRIPE_SECRET", "github" => "GITHUB_SECRET", "token-header" => "ORDERS_TOKEN" }.freeze

def signed(provider, body)
  KnockerSqlite.sign(provider: provider, secret: ENV.fetch(SECRETS.fetch(provider)), body: body).headers
end

def check(truth, what = "the check")
  raise "#{what} does not hold" unless truth
end

job, results = ARGV
JSON.parse(File.read(job)).each do |name, line, _language, source|
  file_name = source.lines.first[/\A# ([\w-]+\.r[bu])$/, 1]
  File.write(file_name, "#{source}\n") if file_name
  eval(source, TOPLEVEL_BINDING, name, line) unless file_name&.end_with?(".ru") # rubocop:disable Security/Eval
  File.write(results, "#{name}:#{line}\n", mode: "a")
end
