// Boost.Interprocess message_queue: two senders and two receivers. kills.py compiles and starts it: boost NAME STOP
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using boost::interprocess::message_queue;

// The messages: some that go at once, and one that is larger than most mechanisms take in one piece.
static const std::size_t sizes[] = {64, 4096, 100000};
static const std::size_t largest = 100000;
// How many messages the queue holds before it is full.
static const std::size_t length = 64;
// After so many messages a process says that it takes part.
static const int messages_before_report = 20;

// One write(2), so that the lines of several processes stay whole.
static void say(const std::string &line) {
  const std::string text = line + "\n";
  if (write(1, text.data(), text.size()) < 0) _exit(1);
}

static std::vector<unsigned char> message(std::size_t size) {
  return std::vector<unsigned char>(size, static_cast<unsigned char>(size % 251));
}

static void send(const char *name, const char *stop) {
  message_queue queue(boost::interprocess::open_only, name);
  std::vector<std::vector<unsigned char>> messages;
  for (std::size_t size : sizes) messages.push_back(message(size));
  int count = 0;
  while (access(stop, F_OK) != 0) {
    const auto &bytes = messages[count % messages.size()];
    queue.send(bytes.data(), bytes.size(), 0);
    if (++count == messages_before_report) say("sender " + std::to_string(getpid()));
  }
}

static void receive(const char *name) {
  message_queue queue(boost::interprocess::open_only, name);
  std::vector<unsigned char> bytes(largest);
  int count = 0;
  while (true) {
    message_queue::size_type size = 0;
    unsigned priority = 0;
    queue.receive(bytes.data(), bytes.size(), size, priority);
    if (size == 0) return;
    const auto expected = message(size);
    if (std::memcmp(bytes.data(), expected.data(), size) != 0) {
      say("damaged: a message of " + std::to_string(size) + " bytes");
      _exit(1);
    }
    if (++count == messages_before_report) say("receiver " + std::to_string(getpid()));
  }
}

// Ends the process, if nothing else does.
static void bound() {
  const char *limit = std::getenv("KILLS_LIMIT");
  alarm(limit ? std::atoi(limit) : 120);
}

// Runs it in a child. An exception of the library is the process's error.
template <typename Body> static pid_t start(Body body) {
  const pid_t child = fork();
  if (child != 0) return child;
  bound();
  try {
    body();
  } catch (const std::exception &error) {
    say(std::string("error: ") + error.what());
    _exit(1);
  }
  _exit(0);
}

int main(int count, char **arguments) {
  if (count < 3) {
    std::printf("%d.%d\n", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000);
    return 0;
  }
  bound();
  const char *name = arguments[1];
  const char *stop = arguments[2];
  try {
    message_queue queue(boost::interprocess::create_only, name, length, largest);
    pid_t receivers[2], senders[2];
    for (pid_t &child : receivers) child = start([=] { receive(name); });
    for (pid_t &child : senders) child = start([=] { send(name, stop); });
    for (pid_t child : senders) waitpid(child, nullptr, 0);
    // The queue has no end: each receiver that lives gets a message that says so.
    for (pid_t &child : receivers) {
      if (waitpid(child, nullptr, WNOHANG) == child) child = 0;
      if (child != 0) queue.send("", 0, 0);
    }
    for (pid_t child : receivers)
      if (child != 0) waitpid(child, nullptr, 0);
    say("done");
  } catch (const std::exception &error) {
    say(std::string("error: ") + error.what());
  }
  message_queue::remove(name);
}
