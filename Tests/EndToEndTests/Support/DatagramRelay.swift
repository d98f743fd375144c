import Foundation

/// Stands in front of a node's UDP port and hands datagrams on: late, twice, or not at all. It keeps
/// what it heard.
final class DatagramRelay: @unchecked Sendable {
  /// What becomes of datagrams: shares of 1, and the longest time that one may take. Each takes a time
  /// of its own, so that they overtake each other.
  struct Faults: Sendable {
    var loss = 0.0
    var duplication = 0.0
    var delaySeconds = 0.0
  }

  private let socket: Int32
  private let lock = NSLock()
  private let queue = DispatchQueue(label: "relay")
  private var destination: UInt16
  private var faults = Faults()
  private var datagrams: [[UInt8]] = []
  private var random: SeededRandom

  /// - Parameter port: where others send to; the TCP port of the same number belongs to a `WireTap`.
  init(port: UInt16, to target: UInt16, seed: UInt64 = 1) throws {
    destination = target
    random = SeededRandom(seed: seed)
    socket = try Self.open(port: port)
    Thread.detachNewThread { [self] in relay() }
  }

  /// Where datagrams are handed on to from now on.
  func set(target: UInt16, faults: Faults = Faults()) {
    lock.withLock {
      destination = target
      self.faults = faults
    }
  }

  /// What came by, oldest first; at most a thousand.
  var heard: [[UInt8]] { lock.withLock { datagrams } }

  func close() { shutdown(socket, Int32(SHUT_RDWR)) }

  private func relay() {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      // A socket that was shut down is at its end; what nobody listened for comes back as an error.
      guard count > 0 else {
        if count == 0 || errno != ECONNREFUSED { return }
        continue
      }
      take(Array(buffer[..<count]))
    }
  }

  private func take(_ datagram: [UInt8]) {
    let (copies, delays, target) = lock.withLock {
      if datagrams.count < 1_000 { datagrams.append(datagram) }
      func share() -> Double { Double.random(in: 0..<1, using: &random) }
      let copies = share() < faults.loss ? 0 : share() < faults.duplication ? 2 : 1
      let delays = (0..<copies).map { _ in faults.delaySeconds * share() }
      return (copies, delays, destination)
    }
    for copy in 0..<copies {
      queue.asyncAfter(deadline: .now() + delays[copy]) { [socket] in
        Self.send(datagram, from: socket, to: target)
      }
    }
  }

  // MARK: Sockets

  /// Sends a datagram to a port of 127.0.0.1. False where the kernel does not take it.
  @discardableResult
  static func send(_ bytes: [UInt8], from socket: Int32, to port: UInt16) -> Bool {
    var address = loopback(port)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return sendto(socket, bytes, bytes.count, 0, address, length) == bytes.count
      }
    }
  }

  /// A UDP socket on a port of 127.0.0.1; 0 lets the kernel choose.
  static func open(port: UInt16) throws -> Int32 {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = loopback(port)
    let isBound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isBound else { throw Trouble("no UDP socket at \(port): errno \(errno)") }
    return descriptor
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
