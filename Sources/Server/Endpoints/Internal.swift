// /internal/v1/…: what nodes say to each other. The cluster loop answers; the connection waits.

import Bytes
import HTTP
import Platform

extension DataLoop {
  mutating func internalRoute(_ call: borrowing Call, _ path: borrowing Path) {
    let route: InternalRequest.Route? =
      path.count != 3 || !path[1].equals("v1")
      ? nil
      : path[2].equals("hello")
        ? .hello
        : path[2].equals("auth")
          ? .auth : path[2].equals("data") ? .data : path[2].equals("control") ? .control : nil
    guard let cluster = node.cluster, !node.configuration.clusterSecrets.isEmpty, let route,
      call.request.method == .post
    else { return unproved(call) }
    // In https mode a node has a certificate of its own besides the secret.
    guard node.door == nil || connections[call.slot].session?.hasPeerCertificate == true else {
      return unproved(call)
    }
    let mark = call.field(call.request.internalRequest)
    // Whoever has no session cannot have a mark, and begins with a short greeting.
    let isGreeting = route == .hello || route == .auth
    guard isGreeting == mark.isEmpty, mark.count <= 64 else { return unproved(call) }
    guard !isGreeting || call.body.count <= Limits.greetingBytesMax else {
      return fail(call.slot, call.style, 400, "a greeting between nodes is not that long")
    }
    let request = InternalRequest(
      loop: gate.index, token: token(call.slot), style: call.style, route: route,
      mark: [UInt8](copying: mark), body: [UInt8](copying: call.body))
    guard cluster.submit(request) else {
      return fail(
        call.slot, call.style, 503, "too many requests of other nodes wait", retryAfterSeconds: 1)
    }
    connections[call.slot].phase = .waiting
    connections[call.slot].awaitsThread = true
    deadlines.clear(call.slot)
  }

  private mutating func unproved(_ call: borrowing Call) {
    fail(
      call.slot, call.style, 401, "internal routes are for nodes that prove the cluster's secret")
  }

  /// What clients of an older kind of cluster send to join one.
  mutating func oldJoin(_ call: borrowing Call) {
    switch call.request.method {
    case .options: preflight(call, allow: "OPTIONS")
    default:
      fail(
        call.slot, call.style, 400,
        "nodes do not join like this: start the node with the address of a member behind its own, and with the cluster's CLUSTER_SECRET, which never travels"
      )
    }
  }

  /// Answers the peer that waited, if it is still there.
  mutating func finishInternal(_ answer: InternalAnswer) {
    guard let slot = slot(of: answer.token) else { return }
    connections[slot].awaitsThread = false
    if answer.status == 200 || !answer.body.isEmpty {
      beginHead(
        answer.style, status: answer.status, contentType: "application/octet-stream",
        contentLength: answer.body.count)
      if answer.status == 401 { output.append("WWW-Authenticate: Bearer\r\n") }
      endHead()
      output.append(answer.body)
      closeIfAsked(slot, answer.style)
    } else {
      fail(slot, answer.style, answer.status, "the request does not prove the cluster's secret")
    }
    // What nodes say to each other is none of the requests that `/stats` counts.
    outputRequests -= 1
    resume(slot)
  }
}
