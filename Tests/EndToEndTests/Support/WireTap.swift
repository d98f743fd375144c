import Foundation

/// Stands between two nodes: hands on what goes by, and keeps what the dialling side sent.
final class WireTap: @unchecked Sendable {
  let port: UInt16
  private let listener: Int32
  private let lock = NSLock()
  private var destination: UInt16
  private var sent: [[UInt8]] = []
  private var delay = 0.0

  init(to target: UInt16) throws {
    destination = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 16) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    guard bound else { throw Trouble("no port for a tap: errno \(errno)") }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in accept() }
  }

  /// Where connections are handed on to from now on.
  var target: UInt16 {
    get { lock.withLock { destination } }
    set { lock.withLock { destination = newValue } }
  }

  /// How long bytes are under way from now on, in each direction.
  var delaySeconds: Double {
    get { lock.withLock { delay } }
    set { lock.withLock { delay = newValue } }
  }

  /// Each request that was sent through, whole.
  var requests: [ByteText] {
    lock.withLock { sent }.flatMap { Self.split($0) }
  }

  func close() { shutdown(listener, Int32(SHUT_RDWR)) }

  private func accept() {
    while true {
      let inside = Glibc.accept(listener, nil, nil)
      guard inside >= 0 else { return }
      guard let outside = try? RawConnection(port: target) else {
        Glibc.close(inside)
        continue
      }
      let index = lock.withLock {
        sent.append([])
        return sent.count - 1
      }
      let dialler = RawConnection(descriptor: inside)
      Thread.detachNewThread { [self] in pump(dialler, outside, keeping: index) }
      Thread.detachNewThread { [self] in pump(outside, dialler, keeping: nil) }
    }
  }

  private func pump(_ source: RawConnection, _ target: RawConnection, keeping index: Int?) {
    // In their order: a queue does one thing after the other.
    let queue = DispatchQueue(label: "wire")
    while let bytes = try? source.take(upTo: 65_536, .in(seconds: 600)), !bytes.isEmpty {
      if let index { lock.withLock { sent[index] += bytes } }
      queue.asyncAfter(deadline: .now() + delaySeconds) { try? target.send(ByteText(bytes)) }
    }
    queue.asyncAfter(deadline: .now() + delaySeconds) { target.finishSending() }
  }

  private static func split(_ bytes: [UInt8]) -> [ByteText] {
    var requests: [ByteText] = []
    var start = 0
    let mark = Array("POST /internal".utf8)
    var at = 1
    while at + mark.count <= bytes.count {
      if bytes[at] == mark[0], Array(bytes[at..<at + mark.count]) == mark {
        requests.append(ByteText(bytes[start..<at]))
        start = at
      }
      at += 1
    }
    if start < bytes.count { requests.append(ByteText(bytes[start...])) }
    return requests
  }
}
