/// What the examples in doc comments use and don't declare.
enum CommentNames {
  static let text = """
    import ConcurrencyModels
    import IPC

    struct Job: Codable, Message, Sendable { var url = "" }
    struct Question: Codable, Message { var text = "" }
    struct Answer: Codable, Message { var text = "" }
    let question = Question()
    let result = ""
    let descriptor: Int32 = 0
    struct Waiting { func receive() throws -> [UInt8] { [] } }
    let receiver = Waiting()
    let jobs = LocalChannel<Job>()
    let results = LocalChannel<String>()

    """
}
