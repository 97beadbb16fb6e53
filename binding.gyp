{
  "targets": [
    {
      "target_name": "spliceway",
      "sources": [
        "native/addon/addon.cc",
        "native/addon/engine_wrap.cc",
        "native/core/engine/crew.cc",
        "native/core/engine/engine.cc",
        "native/core/engine/event_queue.cc",
        "native/core/engine/pool_queue.cc",
        "native/core/engine/session_list.cc",
        "native/core/engine/session_slab.cc",
        "native/core/engine/session_sweep.cc",
        "native/core/engine/worker.cc",
        "native/core/engine/worker_backends.cc",
        "native/core/engine/worker_clients.cc",
        "native/core/engine/worker_list.cc",
        "native/core/engine/worker_queue.cc",
        "native/core/engine/worker_sweep.cc",
        "native/core/listen/acceptor.cc",
        "native/core/listen/client_table.cc",
        "native/core/listen/listening_socket.cc",
        "native/core/listen/own_connections.cc",
        "native/core/loop/event_loop.cc",
        "native/core/loop/timer_wheel.cc",
        "native/core/relay/low_water_mark.cc",
        "native/core/relay/pipe_budget.cc",
        "native/core/relay/pipe_pool.cc",
        "native/core/relay/relay.cc",
        "native/core/session/room_queue.cc",
        "native/core/session/session.cc",
        "native/core/session/session_age.cc",
        "native/core/session/session_connect.cc",
        "native/core/session/session_keep_alive.cc",
        "native/core/session/session_end.cc",
        "native/core/session/session_look.cc",
        "native/core/session/session_queue.cc",
        "native/core/select/backend_table.cc",
        "native/core/select/client_hash.cc",
        "native/core/select/cycle.cc",
        "native/core/select/held_tables.cc",
        "native/core/select/load.cc",
        "native/core/select/tiers.cc",
        "native/core/select/walk.cc",
        "native/core/sys/machine_linux.cc",
        "native/core/sys/socket_address.cc",
        "native/core/sys/sys_linux.cc",
        "native/core/sys/tcp_figures_linux.cc",
        "native/core/sys/tcp_linux.cc"
      ],
      "include_dirs": ["native/core", "native/addon"],
      "defines": [
        "NAPI_VERSION=9",
        "SPLICEWAY_VERSION=\"<!(node -p \"require('./package.json').version\")\"",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED"
      ],
      # What is tested and what ships both assert: some compilers leave assertions out by themselves.
      "cflags": ["-O2", "-UNDEBUG", "-fvisibility=hidden"],
      "ldflags": ["-Wl,--version-script='<(module_root_dir)/native/addon/exports.map'"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++20",
        "-fno-exceptions",
        "-fno-rtti",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Wshadow",
        "-Werror",
        # As a system header, so that our warnings do not apply to it.
        "-isystem '<!(node -p \"path.dirname(require.resolve('node-addon-api/napi.h'))\")'"
      ]
    }
  ]
}
