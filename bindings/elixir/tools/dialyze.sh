#!/bin/sh
# Checks the types of the Elixir binding with dialyzer. The first run reads all of Erlang's and Elixir's own modules,
# which takes some minutes; what it learned is kept in build/.
#
#   bindings/elixir/tools/dialyze.sh
set -e
cd "$(dirname "$0")/.."
build=$(cd ../.. && pwd)/build
elixir=$(elixir -e 'IO.puts(Path.dirname(:code.lib_dir(:elixir)))')
plt=$build/dialyzer-$(elixir -e 'IO.puts(System.version() <> "-" <> System.otp_release())').plt

# Dialyzer reads Elixir's modules with Elixir's own compiler.
export ERL_LIBS="$elixir"
if [ ! -f "$plt" ]; then
    mkdir -p "$build"
    echo "dialyzer: reading Erlang's and Elixir's modules"
    dialyzer --build_plt --output_plt "$plt.erlang" --apps erts kernel stdlib >/dev/null
    dialyzer --add_to_plt --plt "$plt.erlang" --output_plt "$plt" -r "$elixir/elixir/ebin" "$elixir/logger/ebin" >/dev/null ||
        [ -f "$plt" ]
    rm -f "$plt.erlang"
fi
MIX_ENV=prod mix compile
# Without the tasks for releases: mix.exs, which is no module of the package, has what they call.
find _build/prod/lib/knocker_sqlite/ebin -name '*.beam' ! -name 'Elixir.Mix.*' -exec dialyzer --plt "$plt" {} +
