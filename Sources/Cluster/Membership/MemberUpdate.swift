import Bytes

/// One claim about a member, as it is passed on from node to node.
///
/// Claims about one node are ordered by boot, then incarnation, then state; only the greatest counts.
/// A node alone raises its incarnation, to refute what others say of it.
/// Source: SWIM (Das, Gupta, Motivala 2002) §4.2; the boot in front is this project's.
struct MemberUpdate: Equatable, Sendable {
  var node: NodeID
  var boot: UInt32
  var incarnation: UInt64
  var state: MemberState
  /// Who suspects it: distinct accusers bring the end of a suspicion nearer. Only with `suspect`.
  var accuser = NodeID(0)
  var endpoint: Endpoint

  /// An incarnation beyond this is no honest one; below it, adding one never overflows.
  static let incarnationMax: UInt64 = 1 << 48
  /// 25 bytes for the shortest host, 8 more for an accuser.
  static let bytesMin = 25
  static let bytesMax = 32 + Endpoint.hostBytesMax

  func supersedes(boot: UInt32, incarnation: UInt64, state: MemberState) -> Bool {
    if state == .removed { return false }
    if self.state == .removed { return true }
    return (self.boot, self.incarnation, self.state) > (boot, incarnation, state)
  }

  var encodedBytes: Int { 24 + endpoint.host.count + (state == .suspect ? 8 : 0) }

  func encode(into buffer: inout ByteBuffer) {
    buffer.appendUInt64(node.rawValue)
    buffer.appendUInt32(boot)
    buffer.appendUInt64(incarnation)
    buffer.appendUInt8(state.rawValue)
    if state == .suspect { buffer.appendUInt64(accuser.rawValue) }
    endpoint.encode(into: &buffer)
  }

  static func decode(_ reader: inout ByteReader) -> MemberUpdate? {
    guard let node = reader.readUInt64(), node != 0, let boot = reader.readUInt32(),
      let incarnation = reader.readUInt64(), incarnation <= incarnationMax,
      let state = reader.readUInt8().flatMap(MemberState.init(rawValue:))
    else { return nil }
    var accuser = NodeID(0)
    if state == .suspect {
      guard let raw = reader.readUInt64() else { return nil }
      accuser = NodeID(raw)
    }
    guard let endpoint = Endpoint.decode(&reader) else { return nil }
    return MemberUpdate(
      node: NodeID(node), boot: boot, incarnation: incarnation, state: state, accuser: accuser,
      endpoint: endpoint)
  }
}

extension Endpoint {
  /// The longest name that DNS knows.
  static let hostBytesMax = 255

  func encode(into buffer: inout ByteBuffer) {
    buffer.appendUInt16(port)
    buffer.appendUInt8(UInt8(truncatingIfNeeded: host.count))
    buffer.append(host)
  }

  static func decode(_ reader: inout ByteReader) -> Endpoint? {
    guard let port = reader.readUInt16(), port != 0, let count = reader.readUInt8(), count > 0,
      let host = reader.readArray(Int(count))
    else { return nil }
    return Endpoint(host: host, port: port)
  }
}
