// /stats, /membership and /heartbeat

import Bytes
import HTTP
import JSON
import Platform
import Synchronization

extension DataLoop {
  mutating func heartbeat(_ call: borrowing Call) {
    var body = ByteBuffer()
    body.append("{\"status\":\"ok\",\"timestamp\":")
    body.append(decimal: SystemClock.wallMilliseconds())
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  /// The process turns its loops: this answer is the proof.
  mutating func livez(_ call: borrowing Call) {
    reply(call.slot, call.style, "{\"status\":\"ok\"}")
  }

  /// Whether clients should be sent here: the node holds what its cluster holds, and may write. One that
  /// was away and is catching up answers them all the same.
  mutating func readyz(_ call: borrowing Call) {
    guard isReady, !(node.cluster?.isCatchingUp ?? false) else {
      return notReady(call.slot, call.style)
    }
    guard !(node.cluster?.isLeaving ?? false) else {
      return fail(call.slot, call.style, 503, "this node is stopping: ask another one")
    }
    reply(call.slot, call.style, "{\"status\":\"ready\"}")
  }

  /// Whether everything that was in the cluster when this node came is here.
  var isReady: Bool { node.cluster?.isReady ?? true }

  mutating func notReady(_ slot: Int, _ style: ReplyStyle) {
    fail(
      slot, style, 503,
      "this node is still catching up with its cluster: ask another one, or wait until /readyz says 200",
      retryAfterSeconds: 1)
  }

  mutating func membership(_ call: borrowing Call) {
    var body = ByteBuffer()
    let milliseconds = SystemClock.wallMilliseconds()
    body.append("{\"nodes\":{")
    var active: UInt64 = 0
    let view = node.cluster?.view ?? ClusterView(alone: node.description)
    for (index, member) in view.shown.enumerated() {
      if index > 0 { body.append(",") }
      JSONWriter.appendString(member.address.span, to: &body)
      body.append(":{\"status\":\"")
      body.append(member.status)
      body.append("\",\"last_heartbeat\":")
      body.append(decimal: member.isOwn ? milliseconds : member.lastHeard)
      body.append("}")
      if member.isActive { active += 1 }
    }
    body.append("},\"active_count\":")
    body.append(decimal: active)
    body.append(",\"timestamp\":")
    body.append(decimal: milliseconds)
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  mutating func stats(_ call: borrowing Call) {
    var body = ByteBuffer()
    body.append("{\"tables\":{")
    var total = 0
    var isFirst = true
    for table in database.tables.all {
      let count = table.count
      total += count
      if !isFirst { body.append(",") }
      isFirst = false
      let name = table.name
      JSONWriter.appendString(name.span, to: &body)
      body.append(":")
      body.append(decimal: UInt64(count))
    }
    var requests: UInt64 = 0
    var nanoseconds: UInt64 = 0
    var streams = 0
    var connections = 0
    for loop in node.metrics {
      requests += loop.requests.load(ordering: .relaxed)
      nanoseconds += loop.latencyNanoseconds.load(ordering: .relaxed)
      streams += loop.streams.load(ordering: .relaxed)
      connections += loop.connections.load(ordering: .relaxed)
    }
    body.append("},\"total_keys\":")
    body.append(decimal: UInt64(total))
    body.append(",\"total_requests\":")
    body.append(decimal: requests)
    body.append(",\"average_latency_ms\":")
    appendThousandths(requests == 0 ? 0 : nanoseconds / requests / 1_000, to: &body)
    body.append(",\"active_sse_connections\":")
    body.append(decimal: UInt64(streams))
    body.append(",\"connections\":")
    body.append(decimal: UInt64(connections))
    body.append(",\"cluster\":{\"node\":\"")
    body.append(node.description.nodeID)
    body.append("\",\"boot\":")
    body.append(decimal: UInt64(node.description.boot))
    appendCluster(to: &body)
    body.append("},\"log\":{\"appended\":")
    body.append(decimal: database.log.appended)
    body.append(",\"committed\":")
    body.append(decimal: database.log.committed)
    body.append(",\"accepts_writes\":")
    body.append(database.log.acceptsWrites ? "true" : "false")
    body.append("},\"uptime_seconds\":")
    body.append(
      decimal: now.milliseconds(since: node.description.started) / 1_000)
    body.append("}")
    reply(call.slot, call.style, body.span)
  }

  /// Microseconds as milliseconds with three decimals.
  private func appendThousandths(_ microseconds: UInt64, to body: inout ByteBuffer) {
    body.append(decimal: microseconds / 1_000)
    body.append(".")
    let rest = microseconds % 1_000
    if rest < 100 { body.append("0") }
    if rest < 10 { body.append("0") }
    body.append(decimal: rest)
  }
}
