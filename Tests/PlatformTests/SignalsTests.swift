import Glibc
import Platform
import Testing

@Suite("Signals")
struct SignalsTests {
  @Test("a signal becomes a call on the thread that waits for it")
  func delivers() throws {
    let received = Locked<[Signal]>([])
    let waiter = Waiter()
    // Blocked only in a thread of the test's own and those it starts: the test runner keeps its
    // signals. So they are sent to the one thread, and not to the process.
    let started = Locked<Bool>(false)
    let outer = try Thread.start(name: "outer") {
      Signals.block()
      let delivery = try? Signals.deliver { signal in
        let count = received.withLock { list in
          list.append(signal)
          return list.count
        }
        waiter.notify()
        return count < 2
      }
      started.withLock { $0 = true }
      delivery?.join()
    }
    #expect(eventually { started.withLock { $0 } })
    var target: pid_t?
    #expect(
      eventually {
        target = threadNumber(named: "signals")
        return target != nil
      })
    try send(SIGHUP, to: #require(target))
    #expect(waiter.wait(milliseconds: 5000))
    try send(SIGTERM, to: #require(target))
    outer.join()
    #expect(received.withLock { $0 } == [.hangup, .terminate])
  }

  private func threadNumber(named name: String) -> pid_t? {
    guard let folder = opendir("/proc/self/task") else { return nil }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let number = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      let comm = try? Machine.readWholeFile("/proc/self/task/\(number)/comm", limit: 64)
      if comm == Array("\(name)\n".utf8) { return pid_t(number) }
    }
    return nil
  }

  private func send(_ signal: Int32, to thread: pid_t) throws {
    typealias Call = @convention(c) (pid_t, pid_t, Int32) -> Int32
    let call = try #require(dlsym(nil, "tgkill"))
    #expect(unsafeBitCast(call, to: Call.self)(getpid(), thread, signal) == 0)
  }
}
