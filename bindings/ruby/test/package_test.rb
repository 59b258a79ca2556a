# frozen_string_literal: true

require "rbs"
require "rubygems"
require "stringio"

# The gem as a whole: every operation is there, typed, and its manifest is right.
class PackageTest < KnockerTest
  # What only a binding itself calls.
  OWN_MEANS = %w[info completion_descriptor].freeze
  # What every Hash, Array or exception has, or what is ours alone.
  PRIVATE = %w[Arguments Library Values Home Outcome Registry Bodies Extension LibraryTransport HostTransport HandlerRun
               Host Turn SingleHost DatabaseHost ActiveRecordHost PoolHost DatabaseLink ActiveRecordLink].freeze

  def test_every_operation_of_the_c_interface_is_a_method
    missing = operations - OWN_MEANS - KnockerSqlite::Inbox.public_instance_methods.map(&:name) - %w[sign providers]
    assert_empty missing
    %i[open sign providers].each { |name| assert_respond_to KnockerSqlite, name }
    assert_operator operations.length, :>, 40, "docs/abi.md is read wrongly"
  end

  def test_every_function_of_the_c_interface_is_bound_or_known_to_be_of_no_use_here
    declared = File.read(File.join(ROOT, "capi", "knocker.h")).scan(/\b(knocker_\w+)\(/).flatten.uniq
    bound = KnockerSqlite::Library::WAITING.keys.map(&:name) + %w[knocker_abi_version knocker_release knocker_free]
    asynchronous = %w[knocker_receive_start_json knocker_receive_poll_json knocker_receive_cancel_json]
    # For hosts whose SQLite can't load extensions; the sqlite3 gem's can.
    without_extensions = %w[knocker_host_sqlite_json]
    assert_empty (declared - bound - asynchronous - without_extensions).sort
  end

  def test_every_error_code_has_a_class
    table = File.read(File.join(ROOT, "docs", "errors.md")).scan(/^\| `(\w+)` \| (\d+) \| (yes|no) \|/)
    assert_operator table.length, :>, 40
    table.each do |code, status, retryable|
      kind = KnockerSqlite::Error.by_code.fetch(code)
      assert_equal [code, Integer(status), retryable == "yes"], [kind.new.code, kind.new.http_status, kind.new.retryable?]
    end
  end

  def test_the_types_are_valid_and_list_exactly_the_public_methods
    classes.each do |name, constant|
      expected = constant.public_instance_methods(false).map(&:name) - hidden(constant)
      typed = own_methods(name)
      assert_empty expected - typed, "#{name}: without a type"
      assert_empty typed - constant.public_instance_methods.map(&:name) - %w[initialize], "#{name}: typed, and not there"
    end
  end

  def test_requiring_loads_no_library_and_prints_nothing
    source = 'require "knocker"; puts File.read("/proc/self/maps").include?("libknocker"), KnockerSqlite::VERSION'
    assert_equal "false\n#{KnockerSqlite::VERSION}", ruby(source)
  end

  def test_the_manifest_builds_a_gem_with_all_files
    Dir.chdir(PACKAGE) do
      spec = Gem::Specification.load("knocker.gemspec")
      assert_equal ["knocker", ["ffi"]], [spec.name, spec.runtime_dependencies.map(&:name)]
      assert_empty Dir["lib/**/*.rb"] - spec.files
      assert_empty Dir["sig/*.rbs"] - spec.files
      assert_equal KnockerSqlite::VERSION, spec.version.to_s
    end
  end

  def test_an_installation_without_its_library_says_so
    Dir.mktmpdir do |folder|
      FileUtils.cp_r(File.join(PACKAGE, "lib"), folder)
      source = 'require "knocker"; begin; KnockerSqlite.open("x.db"); rescue KnockerSqlite::Error => e; puts e.message; end'
      output, = Open3.capture2(RbConfig.ruby, "-I#{File.join(folder, "lib")}", "-e", source)
      assert_includes output, "has no libknocker"
    end
  end

  private

  # The names of docs/abi.md, in the section of knocker_call_json.
  def operations
    page = File.read(File.join(ROOT, "docs", "abi.md"))
    section = page[/^## call$.*?^## worker$/m]
    names = section.scan(%r{^((?:[a-z_]+ / )*[a-z_]+) +\{}).flatten + section.scan(/`([a-z_]+) \{/).flatten
    names += section[/^Actions: .*$/].scan(/`([a-z_]+)`/).flatten
    names.flat_map { |name| name.split(" / ") }.uniq
  end

  def environment
    @environment ||= begin
      loader = RBS::EnvironmentLoader.new
      loader.add(library: "pathname")
      loader.add(path: Pathname(File.join(PACKAGE, "sig")))
      RBS::Environment.from_loader(loader).resolve_type_names
    end
  end

  def definitions
    @definitions ||= RBS::DefinitionBuilder.new(env: environment)
  end

  def classes
    names = KnockerSqlite.constants.map(&:name) - PRIVATE
    found = names.to_h { |name| [name, KnockerSqlite.const_get(name)] }.select { |_, constant| constant.is_a?(Module) }
    found.merge("Testing::Clock" => KnockerSqlite::Testing::Clock)
  end

  def own_methods(name)
    *outer, last = name.split("::").map(&:to_sym)
    type = RBS::TypeName.new(name: last, namespace: RBS::Namespace.new(path: [:KnockerSqlite, *outer], absolute: true))
    definitions.build_instance(type).methods.select { |_, method| method.defs.any? { |one| one.implemented_in == type } }.keys.map(&:name)
  end

  # What is marked @api private in the source.
  def hidden(constant)
    constant.public_instance_methods(false).select do |name|
      file, line = constant.instance_method(name).source_location
      next false if file.nil?

      File.readlines(file)[0...(line - 1)].reverse.take_while { |text| text.strip.start_with?("#") }.join.include?("@api private")
    end.map(&:name)
  end
end
