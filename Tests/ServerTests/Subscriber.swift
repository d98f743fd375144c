@testable import Server

/// `Stream` by a name that Foundation does not have too.
typealias Subscriber = Stream
