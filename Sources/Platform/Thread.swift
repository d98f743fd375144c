internal import CLinux
internal import Glibc

/// A thread of the operating system that runs one function to its end.
public enum Thread {
  /// The smallest stack that is given out; a call of a system library may want 100 KiB of it.
  public static let stackBytesMin = 256 * 1024

  /// Starts a thread. Only the first 15 bytes of its name are kept by the kernel.
  public static func start(
    name: String, stackBytes: Int = 1024 * 1024, _ body: @escaping @Sendable () -> Void
  ) throws(SystemError) -> Handle {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    let page = 4096
    let rounded = (max(stackBytes, stackBytesMin) + page - 1) / page * page
    var code = unsafe pthread_attr_setstacksize(&attributes, rounded)
    guard code == 0 else { throw SystemError(call: "pthread_attr_setstacksize", code: code) }

    let task = unsafe Unmanaged.passRetained(Task(name: name, body: body))
    var identity = pthread_t()
    code = unsafe pthread_create(
      &identity, &attributes,
      { argument in
        let task = unsafe Unmanaged<Task>.fromOpaque(argument!).takeRetainedValue()
        task.run()
        return nil
      }, task.toOpaque())
    guard code == 0 else {
      unsafe task.release()
      throw SystemError(call: "pthread_create", code: code)
    }
    return Handle(identity: identity)
  }

  /// A started thread. Letting go of it without `join` leaves the thread to itself.
  public struct Handle: ~Copyable, Sendable {
    private let identity: pthread_t

    fileprivate init(identity: pthread_t) { self.identity = identity }

    deinit { pthread_detach(identity) }

    /// Waits until the thread's function has returned.
    public consuming func join() {
      _ = pthread_join(identity, nil)
      discard self
    }
  }

  private final class Task: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }

    func run() {
      let short = String(decoding: name.utf8.prefix(15), as: UTF8.self)
      _ = unsafe pthread_setname_np(pthread_self(), short)
      body()
    }
  }
}
