// Runs in the browser's audio thread: makes samples of 16 bits, and hands them on in pieces of a tenth of a second.
class Samples extends AudioWorkletProcessor {
  #piece = new Int16Array(Math.round(sampleRate / 10));
  #filled = 0;

  process([channels]) {
    const [first, ...others] = channels;
    if (!first) return true; // nothing comes in yet
    for (let at = 0; at < first.length; at += 1) {
      const sum = others.reduce((all, each) => all + each[at], first[at]);
      const value = Math.max(-1, Math.min(1, sum / channels.length));
      this.#piece[this.#filled] = Math.round(value * 32767);
      this.#filled += 1;
      if (this.#filled === this.#piece.length) this.#hand();
    }
    return true;
  }

  #hand() {
    const piece = this.#piece.buffer;
    this.port.postMessage(piece, [piece]);
    this.#piece = new Int16Array(Math.round(sampleRate / 10));
    this.#filled = 0;
  }
}

registerProcessor("samples", Samples);
