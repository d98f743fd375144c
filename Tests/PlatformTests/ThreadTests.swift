import Bytes
import Glibc
import Platform
import Testing

@Suite("Thread")
struct ThreadTests {
  @Test("runs its function to the end before join returns")
  func joins() throws {
    let done = Locked(false)
    let thread = try Thread.start(name: "worker") { done.withLock { $0 = true } }
    thread.join()
    #expect(done.withLock { $0 })
  }

  @Test("carries its name, cut to what the kernel keeps")
  func name() throws {
    let seen = Locked<[UInt8]>([])
    let thread = try Thread.start(name: "a name that is too long") {
      let comm = (try? Machine.readWholeFile("/proc/thread-self/comm", limit: 100)) ?? []
      seen.withLock { $0 = comm }
    }
    thread.join()
    #expect(seen.withLock { String(decoding: $0, as: UTF8.self) } == "a name that is \n")
  }

  @Test("has the stack it asked for")
  func stack() throws {
    let depth = Locked(0)
    let thread = try Thread.start(name: "deep", stackBytes: 8 << 20) {
      @inline(never) func dive(_ left: Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { room in
          room[0] = UInt8(truncatingIfNeeded: left)
          return left == 0 ? Int(room[0]) : dive(left - 1) + 1
        }
      }
      let reached = dive(1000)
      depth.withLock { $0 = reached }
    }
    thread.join()
    #expect(depth.withLock { $0 } == 1000)
  }
}

@Suite("Waiter")
struct WaiterTests {
  @Test("a notification before the wait lets it return at once")
  func before() {
    let waiter = Waiter()
    waiter.notify()
    waiter.notify()
    #expect(waiter.wait(milliseconds: 60_000))
    #expect(!waiter.wait(milliseconds: 0))
  }

  @Test("gives up after its time")
  func timeout() {
    let waiter = Waiter()
    let start = SystemClock.monotonic()
    #expect(!waiter.wait(milliseconds: 20))
    #expect(SystemClock.monotonic().milliseconds(since: start) >= 20)
  }

  @Test("two threads that answer each other lose no notification")
  func pingPong() throws {
    let ping = Waiter()
    let pong = Waiter()
    let rounds = 5_000
    let other = try Thread.start(name: "other") {
      for _ in 0..<rounds {
        guard ping.wait(milliseconds: 10_000) else { return }
        pong.notify()
      }
    }
    var answered = 0
    for _ in 0..<rounds {
      ping.notify()
      guard pong.wait(milliseconds: 10_000) else { break }
      answered += 1
    }
    other.join()
    #expect(answered == rounds)
  }
}

@Suite("SystemClock")
struct SystemClockTests {
  @Test("monotonic time never goes back")
  func monotonic() {
    var last = SystemClock.monotonic()
    for _ in 0..<1000 {
      let now = SystemClock.monotonic()
      #expect(now >= last)
      last = now
    }
  }

  @Test("wall time is milliseconds since 1970")
  func wall() {
    let seconds = UInt64(time(nil))
    let milliseconds = SystemClock.wallMilliseconds()
    #expect(milliseconds / 1000 >= seconds && milliseconds / 1000 <= seconds + 1)
  }
}
