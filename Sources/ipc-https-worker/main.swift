import Crawling
import IPC

// A worker process of `ipc crawl` for URLs of which one is https. It is a program of its own, since what TLS needs (libcurl,
// and the forty libraries that libcurl needs) takes longer to load than all of `ipc`.
runProgram {
  let fetcher = PageFetcher()
  try Crawl.serve(https: fetcher.fetch)
}
