# frozen_string_literal: true

# Puma's configuration: two workers, each of which opens its own inbox and runs its own worker threads.

workers 2
threads 2, 2
preload_app!

unless ENV["OPEN"] == "early"
  # Puma 7 names the hooks before_worker_boot and before_worker_shutdown, older ones on_worker_boot and on_worker_shutdown.
  boot = respond_to?(:before_worker_boot) ? :before_worker_boot : :on_worker_boot
  shutdown = respond_to?(:before_worker_shutdown) ? :before_worker_shutdown : :on_worker_shutdown

  public_send(boot) do
    ClusterApp.open
    $worker = $inbox.start_worker
  end
  public_send(shutdown) do
    $worker.stop
    $inbox.close
  end
end
