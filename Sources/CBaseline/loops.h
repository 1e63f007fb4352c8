// The exchanges over one transport. Before including this: NAME(x); put(end, number, every_byte), which
// sends one message; get(end, &bytes, &size), which borrows one; done(end), which returns it; flush(end).

int NAME(send)(struct baseline_end *end, uint64_t first, uint64_t count, bool every_byte) {
  for (uint64_t i = 0; i < count; i++)
    if (put(end, first + i, every_byte) < 0) return -1;
  return flush(end);
}

int NAME(flush)(struct baseline_end *end) { return flush(end); }

static inline int NAME(take)(struct baseline_end *end, struct baseline_tally *tally, bool *stop) {
  const uint8_t *bytes;
  size_t size;
  if (get(end, &bytes, &size) < 0) return -1;
  bool right = baseline_check(tally, bytes, size, end->options.size);
  if (stop && size >= 8) {
    uint64_t number;
    memcpy(&number, bytes, 8);
    *stop = number == baseline_stop;
  }
  done(end);
  return right ? 0 : baseline_damaged;
}

int NAME(receive)(struct baseline_end *end, struct baseline_tally *tally, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    int result = NAME(take)(end, tally, NULL);
    if (result) return result;
  }
  return 0;
}

int NAME(until_stopped)(struct baseline_end *end, struct baseline_tally *tally) {
  bool stop = false;
  while (!stop) {
    int result = NAME(take)(end, tally, &stop);
    if (result) return result;
  }
  tally->received--;
  return 0;
}

int NAME(pingpong)(
    struct baseline_end *out, struct baseline_end *in, struct baseline_tally *tally, uint64_t first, uint64_t count,
    uint64_t *samples) {
  uint64_t before = baseline_now();
  for (uint64_t i = 0; i < count; i++) {
    if (put(out, first + i, tally->every_byte) < 0 || flush(out) < 0) return -1;
    int result = NAME(take)(in, tally, NULL);
    if (result) return result;
    uint64_t now = baseline_now();
    samples[i] = now - before;
    before = now;
  }
  return 0;
}

int NAME(echo)(
    struct baseline_end *in, struct baseline_end *out, struct baseline_tally *tally, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    uint64_t number = tally->next[0];
    int result = NAME(take)(in, tally, NULL);
    if (result) return result;
    if (put(out, number, tally->every_byte) < 0 || flush(out) < 0) return -1;
  }
  return 0;
}

int NAME(wake)(
    struct baseline_end *end, struct baseline_board *board, uint64_t first, uint64_t count, uint64_t gap,
    bool every_byte) {
  for (uint64_t i = 0; i < count; i++) {
    if (baseline_await_sleeper(board, first + i, gap) < 0) return -1;
    baseline_note_sent(board);
    if (put(end, first + i, every_byte) < 0 || flush(end) < 0) return -1;
  }
  return 0;
}

int NAME(woken)(
    struct baseline_end *end, struct baseline_board *board, struct baseline_tally *tally, uint64_t count,
    uint64_t *samples) {
  for (uint64_t i = 0; i < count; i++) {
    baseline_about_to_sleep(board, tally->next[0]);
    int result = NAME(take)(end, tally, NULL);
    if (result) return result;
    samples[i] = baseline_now() - baseline_sent(board);
  }
  return 0;
}

int NAME(send_paced)(
    struct baseline_end *end, uint64_t first, uint64_t count, uint64_t start, double interval_nanoseconds,
    bool every_byte) {
  for (uint64_t i = 0; i < count; i++) {
    baseline_wait_until(start + (uint64_t)((double)i * interval_nanoseconds));
    if (put(end, first + i, every_byte) < 0 || flush(end) < 0) return -1;
  }
  return 0;
}

int NAME(receive_paced)(
    struct baseline_end *end, struct baseline_tally *tally, uint64_t count, uint64_t start,
    double interval_nanoseconds, uint64_t *samples) {
  for (uint64_t i = 0; i < count; i++) {
    int result = NAME(take)(end, tally, NULL);
    if (result) return result;
    uint64_t meant = start + (uint64_t)((double)i * interval_nanoseconds), now = baseline_now();
    samples[i] = now > meant ? now - meant : 0;
  }
  return 0;
}
