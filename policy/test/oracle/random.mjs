/*
 * A seeded generator of pseudo-random choices: the same seed gives the same
 * cases on every machine and Node version, so a case can be named by
 * seed and index.
 */

/* 32-bit mixing of two integers, so that neighbouring case numbers do not
   give neighbouring streams */
function mix(a, b) {
  let h = (a ^ Math.imul(b, 0x9e3779b1)) >>> 0;

  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}


export class Random {
  constructor(seed, index = 0) {
    this.a = mix(seed, index);
    this.b = mix(this.a, 0x51ed270b);
    this.c = mix(this.b, index + 1);
    this.d = 1;
    for (let i = 0; i < 12; i++) {
      this.next();
    }
  }

  /* sfc32; an integer in 0 .. 2^32-1 */
  next() {
    const t = (this.a + this.b + this.d) | 0;

    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t | 0;
    return t >>> 0;
  }

  /* an integer in 0 .. n-1 */
  int(n) {
    return Math.floor(this.next() / 4294967296 * n);
  }

  /* an integer in lo .. hi, both included */
  range(lo, hi) {
    return lo + this.int(hi - lo + 1);
  }

  chance(p) {
    return this.next() < p * 4294967296;
  }

  pick(list) {
    return list[this.int(list.length)];
  }

  /* list: [[weight, value], ...]; returns one of the values */
  weighted(list) {
    let sum = 0;

    for (const [w] of list) {
      sum += w;
    }

    let at = this.next() / 4294967296 * sum;

    for (const [w, v] of list) {
      at -= w;
      if (at < 0) {
        return v;
      }
    }
    return list[list.length - 1][1];
  }

  shuffle(list) {
    const out = list.slice();

    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(i + 1);

      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  /* n values of fn(), n in lo .. hi */
  many(lo, hi, fn) {
    return Array.from({ length: this.range(lo, hi) }, fn);
  }
}
