# frozen_string_literal: true

require "ffi"
require "json"
require "rbconfig"

module KnockerSqlite
  # The shared library: found and loaded at the first use, called with JSON. Requiring the gem loads nothing, so a
  # server may do so before it forks.
  # @api private
  module Library
    ABI_VERSION = 1

    # Every call that can wait gives up the interpreter's lock meanwhile, so that other threads run, and so that the
    # receives of a server's threads meet in the library and share commits.
    WAITING = {
      knocker_open_json: %i[pointer size_t],
      knocker_close_json: %i[uint64],
      knocker_call_json: %i[uint64 string pointer size_t],
      knocker_receive_json: %i[uint64 pointer size_t pointer size_t],
      knocker_worker_open_json: %i[uint64 pointer size_t],
      knocker_worker_step: %i[uint64 pointer size_t],
      knocker_worker_stop_json: %i[uint64 pointer size_t],
      knocker_worker_close_json: %i[uint64],
      knocker_tx_json: %i[uint64 pointer size_t pointer pointer size_t]
    }.freeze

    # A reply belongs to its caller even if Timeout or Thread#raise wants to end the call: it comes right after.
    UNINTERRUPTED = { Object => :never }.freeze

    @native = nil

    class << self
      # Open an inbox.
      def open(request)
        text = encode(request)
        answer { native.knocker_open_json(text, text.bytesize) }
      end

      # Close an inbox.
      def close(db)
        answer { native.knocker_close_json(db) }
      end

      # Call an endpoint, read or action method by its name.
      def call(db, method, request)
        text = encode(request)
        answer { native.knocker_call_json(db, method, text, text.bytesize) }
      end

      # Take in one HTTP request and wait until it is on disk.
      def receive(db, request, body)
        text = encode(request)
        # Frozen, and sharing its memory: another thread can't change it during the call.
        body = body.dup.freeze
        answer { native.knocker_receive_json(db, text, text.bytesize, body, body.bytesize) }
      end

      # Open a worker.
      def worker_open(db, request)
        text = encode(request)
        answer { native.knocker_worker_open_json(db, text, text.bytesize) }
      end

      # End a step, wait for the next one, or both.
      def worker_step(worker, request)
        text = encode(request)
        answer { native.knocker_worker_step(worker, text, text.bytesize) }
      end

      # Stop a worker: waits until its steps are over, at most until the deadline.
      def worker_stop(worker, request)
        text = encode(request)
        answer { native.knocker_worker_stop_json(worker, text, text.bytesize) }
      end

      # Close a worker.
      def worker_close(worker)
        answer { native.knocker_worker_close_json(worker) }
      end

      # Run one operation in a step's transaction; blobs travel beside the JSON.
      def tx(step, request, blobs)
        text = encode(request)
        pointers, lengths = blob_arrays(blobs)
        answer { native.knocker_tx_json(step, text, text.bytesize, pointers, lengths, blobs.length) }
      end

      # Give a handle up without waiting: for finalizers.
      def release(handle)
        native.knocker_release(handle)
      end

      # Use this library file instead of looking for one; only before the first use.
      def path=(path)
        raise InvalidStateError, "The library is loaded already." if @native

        @path = path
      end

      # The library's file.
      # @return [String]
      def path
        @path ||= find
      end

      # The JSON of a request. Fields that are nil are left out, which means the same.
      def encode(request)
        JSON.generate(request.compact)
      rescue JSON::NestingError
        raise InvalidArgumentError, "An argument is nested too deeply, or holds itself."
      rescue JSON::GeneratorError, EncodingError
        JSON.generate(Arguments.json_value(request.compact))
      end

      # What a reply says; raises where it is an error.
      def decode(text)
        reply = JSON.parse(text)
        error = reply["error"]
        raise Error.from_reply(error) if error

        reply["ok"]
      end

      # Raise where no build of the library can run.
      def check_platform
        return unless RbConfig::CONFIG["host_os"].include?("linux") && RbConfig::CONFIG["host_os"].include?("musl")

        raise UnsupportedPlatformError, "The library needs glibc, and this Ruby uses musl (Alpine, for example). " \
                                        "Use an image based on glibc, such as ruby:3-slim."
      end

      private

      def native
        @native ||= load_native
      end

      def answer(&call)
        decode(Thread.handle_interrupt(UNINTERRUPTED) { take(call) })
      end

      def take(call)
        pointer = call.call
        raise NoMemoryError, "the library had no memory for its reply" if pointer.null?

        text = pointer.get_string(0)
        native.knocker_free(pointer)
        text.force_encoding(Encoding::UTF_8)
      end

      def blob_arrays(blobs)
        return [nil, nil] if blobs.empty?

        pointers = FFI::MemoryPointer.new(:pointer, blobs.length)
        pointers.write_array_of_pointer(blobs.map { |blob| memory_of(blob) })
        lengths = FFI::MemoryPointer.new(:size_t, blobs.length)
        blobs.each_with_index { |blob, index| lengths.put(:size_t, index * FFI.type_size(:size_t), blob.bytesize) }
        # The memory of each blob lives as long as the array of its addresses.
        [pointers, lengths]
      end

      def memory_of(blob)
        memory = FFI::MemoryPointer.new(:char, [blob.bytesize, 1].max)
        memory.put_bytes(0, blob)
        memory
      end

      def load_native
        check_platform
        mod = bind(path)
        version = mod.knocker_abi_version
        return mod if version == ABI_VERSION

        raise UnsupportedPlatformError, "The library #{path} has interface version #{version} and this gem needs #{ABI_VERSION}: " \
                                        "both have to come from one release."
      end

      def bind(file)
        Module.new do
          extend FFI::Library

          ffi_lib file
          WAITING.each { |name, types| attach_function name, types, :pointer, blocking: true }
          # These never wait.
          attach_function :knocker_abi_version, [], :uint32
          attach_function :knocker_release, %i[uint64], :void
          attach_function :knocker_free, %i[pointer], :void
        end
      rescue LoadError, FFI::NotFoundError => error
        raise UnsupportedPlatformError, "The library #{file} can't be loaded here: #{error.message}. " \
                                        "Install a gem made for this platform."
      end

      # The library that the gem carries, else the one that a checkout has built.
      def find
        packaged = File.expand_path(file_name, __dir__)
        return packaged if File.file?(packaged)

        checkout = File.expand_path("../../../..", __dir__)
        built = File.join(checkout, "build", file_name)
        return built if File.file?(File.join(checkout, "capi", "knocker.h")) && File.file?(built)

        raise UnsupportedPlatformError, "This installation of the gem has no #{file_name} for #{RUBY_PLATFORM}. Install a gem " \
                                        "made for this platform; in a checkout run `make lib`. Looked at #{packaged}."
      end

      def file_name
        FFI.map_library_name("knocker")
      end
    end
  end
end
