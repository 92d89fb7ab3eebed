// Operators of the streaming network for training on a processor, channels last.
//
// Tensors are contiguous float32 (batch, time, freq, channels). Each operator is one pass over
// memory where PyTorch's own need several, and depthwise convolutions run over contiguous rows.

#include <torch/extension.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

using at::Tensor;

namespace {

struct Shape {
  int64_t batch, time, freq, channels;
  explicit Shape(const Tensor& x)
      : batch(x.size(0)), time(x.size(1)), freq(x.size(2)), channels(x.size(3)) {
    TORCH_CHECK(x.is_contiguous() && x.scalar_type() == at::kFloat && x.dim() == 4,
                "expected a contiguous float32 (batch, time, freq, channels)");
  }
  int64_t row() const { return freq * channels; }
};

// Rows of y[f, c] (+)= x[f + shift, c] * w[c], for the bands where both exist.
struct Band {
  int64_t out, in, count;
  Band(int64_t freq, int64_t shift)
      : out(std::max<int64_t>(0, -shift)),
        in(std::max<int64_t>(0, shift)),
        count(freq - std::abs(shift)) {}
};

Tensor repeated(const Tensor& weight, int64_t freq) {
  // (frames, bands, channels) -> (frames, bands, freq * channels)
  return weight.unsqueeze(2)
      .expand({weight.size(0), weight.size(1), freq, weight.size(2)})
      .reshape({weight.size(0), weight.size(1), freq * weight.size(2)})
      .contiguous();
}

}  // namespace

// Causal depthwise convolution; weight (frames, bands, channels).
Tensor depthwise_forward(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Shape s(x);
  const int64_t frames = weight.size(0), bands = weight.size(1), c = s.channels, row = s.row();
  const Tensor w = repeated(weight, s.freq);
  const Tensor b = bias.repeat({s.freq});
  Tensor y = at::empty_like(x);
  const float *xp = x.data_ptr<float>(), *wp = w.data_ptr<float>(), *bp = b.data_ptr<float>();
  float* yp = y.data_ptr<float>();
  at::parallel_for(0, s.batch * s.time, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t t = r % s.time;
      float* out = yp + r * row;
      std::copy(bp, bp + row, out);
      for (int64_t i = 0; i < frames; ++i) {
        const int64_t back = frames - 1 - i;
        if (back > t) continue;
        for (int64_t j = 0; j < bands; ++j) {
          const Band band(s.freq, j - bands / 2);
          if (band.count <= 0) continue;
          const float* in = xp + (r - back) * row + band.in * c;
          const float* tap = wp + (i * bands + j) * row;
          float* to = out + band.out * c;
          const int64_t n = band.count * c;
#pragma GCC ivdep
          for (int64_t k = 0; k < n; ++k) to[k] += in[k] * tap[k];
        }
      }
    }
  });
  return y;
}

std::vector<Tensor> depthwise_backward(const Tensor& x, const Tensor& weight, const Tensor& dy) {
  const Shape s(x);
  const int64_t frames = weight.size(0), bands = weight.size(1), c = s.channels, row = s.row();
  const Tensor w = repeated(weight, s.freq);
  Tensor dx = at::zeros_like(x);
  Tensor dw = at::zeros({s.batch, frames, bands, row}, x.options());
  Tensor db = at::zeros({s.batch, row}, x.options());
  const float *xp = x.data_ptr<float>(), *wp = w.data_ptr<float>(), *gp = dy.data_ptr<float>();
  float *dxp = dx.data_ptr<float>(), *dwp = dw.data_ptr<float>(), *dbp = db.data_ptr<float>();
  at::parallel_for(0, s.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* bias = dbp + n * row;
      for (int64_t t = 0; t < s.time; ++t) {
        const int64_t r = n * s.time + t;
        const float* grad = gp + r * row;
        for (int64_t k = 0; k < row; ++k) bias[k] += grad[k];
        for (int64_t i = 0; i < frames; ++i) {
          const int64_t back = frames - 1 - i;
          if (back > t) continue;
          for (int64_t j = 0; j < bands; ++j) {
            const Band band(s.freq, j - bands / 2);
            if (band.count <= 0) continue;
            const float* in = xp + (r - back) * row + band.in * c;
            float* din = dxp + (r - back) * row + band.in * c;
            const float* tap = wp + (i * bands + j) * row;
            float* dtap = dwp + ((n * frames + i) * bands + j) * row;
            const float* g = grad + band.out * c;
            const int64_t count = band.count * c;
#pragma GCC ivdep
            for (int64_t k = 0; k < count; ++k) {
              din[k] += g[k] * tap[k];
              dtap[k] += g[k] * in[k];
            }
          }
        }
      }
    }
  });
  dw = dw.sum(0).view({frames, bands, s.freq, c}).sum(2);
  return {dx, dw, db.sum(0).view({s.freq, c}).sum(0)};
}

// BatchNorm over (batch, time, freq) with PReLU; returns y, mean, variance. slope may be empty.
std::vector<Tensor> norm_forward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                 const Tensor& slope, double epsilon) {
  const Shape s(x);
  const int64_t c = s.channels, rows = s.batch * s.time * s.freq;
  const int64_t parts = s.batch;
  Tensor sums = at::zeros({parts, 2, c}, x.options());
  const float* xp = x.data_ptr<float>();
  float* sp = sums.data_ptr<float>();
  const int64_t per = rows / parts;
  // Shifted by the first value: the sum of squares keeps its digits.
  const float* origin = xp;
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float *__restrict sum = sp + n * 2 * c, *__restrict square = sum + c;
      const float* __restrict in = xp + n * per * c;
      for (int64_t r = 0; r < per; ++r, in += c) {
#pragma GCC ivdep
        for (int64_t k = 0; k < c; ++k) {
          const float d = in[k] - origin[k];
          sum[k] += d;
          square[k] += d * d;
        }
      }
    }
  });
  const Tensor total = sums.to(at::kDouble).sum(0) / double(rows);
  const Tensor first = x.view({-1, c})[0].to(at::kDouble);
  const Tensor mean = (total[0] + first).to(at::kFloat);
  const Tensor variance = (total[1] - total[0] * total[0]).clamp_min(0).to(at::kFloat);
  const Tensor scale = gamma * at::rsqrt(variance + epsilon);
  const Tensor shift = beta - mean * scale;
  Tensor y = at::empty_like(x);
  const bool act = slope.numel() > 0;
  const float *ap = scale.data_ptr<float>(), *bp = shift.data_ptr<float>();
  const float* kp = act ? slope.data_ptr<float>() : nullptr;
  float* yp = y.data_ptr<float>();
  at::parallel_for(0, rows, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* __restrict in = xp + r * c;
      float* __restrict out = yp + r * c;
      if (act) {
#pragma GCC ivdep
        for (int64_t k = 0; k < c; ++k) {
          const float v = in[k] * ap[k] + bp[k];
          out[k] = v * (v > 0 ? 1.0f : kp[k]);
        }
      } else {
#pragma GCC ivdep
        for (int64_t k = 0; k < c; ++k) out[k] = in[k] * ap[k] + bp[k];
      }
    }
  });
  return {y, mean, variance};
}

namespace {

// One channel-wise pass of the gradient: sums of d, d * u and the slope's gradient.
template <bool kAct>
void norm_sums(const float* __restrict in, const float* __restrict g, int64_t rows, int64_t c,
               const float* __restrict mean, const float* __restrict inverse,
               const float* __restrict gamma, const float* __restrict beta,
               const float* __restrict slope, float* __restrict sum, float* __restrict dot,
               float* __restrict ds) {
  for (int64_t r = 0; r < rows; ++r, in += c, g += c) {
#pragma GCC ivdep
    for (int64_t k = 0; k < c; ++k) {
      const float u = (in[k] - mean[k]) * inverse[k];
      float d = g[k];
      if (kAct) {
        const float v = u * gamma[k] + beta[k];
        ds[k] += v > 0 ? 0.0f : d * v;
        d *= v > 0 ? 1.0f : slope[k];
      }
      sum[k] += d;
      dot[k] += d * u;
    }
  }
}

template <bool kAct>
void norm_gradient(const float* __restrict in, const float* __restrict g, float* __restrict out,
                   int64_t rows, int64_t c, const float* __restrict mean,
                   const float* __restrict inverse, const float* __restrict gamma,
                   const float* __restrict beta, const float* __restrict slope,
                   const float* __restrict mean_d, const float* __restrict mean_du) {
  for (int64_t r = 0; r < rows; ++r, in += c, g += c, out += c) {
#pragma GCC ivdep
    for (int64_t k = 0; k < c; ++k) {
      const float u = (in[k] - mean[k]) * inverse[k];
      float d = g[k];
      if (kAct) d *= u * gamma[k] + beta[k] > 0 ? 1.0f : slope[k];
      out[k] = gamma[k] * inverse[k] * (d - mean_d[k] - u * mean_du[k]);
    }
  }
}

}  // namespace

std::vector<Tensor> norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                  const Tensor& slope, const Tensor& mean, const Tensor& variance,
                                  const Tensor& dy, double epsilon) {
  const Shape s(x);
  const int64_t c = s.channels, rows = s.batch * s.time * s.freq, per = rows / s.batch;
  const Tensor inverse = at::rsqrt(variance + epsilon);
  const bool act = slope.numel() > 0;
  Tensor sums = at::zeros({s.batch, 3, c}, x.options());
  const float *xp = x.data_ptr<float>(), *gp = dy.data_ptr<float>();
  const float *mp = mean.data_ptr<float>(), *ip = inverse.data_ptr<float>();
  const float *gap = gamma.data_ptr<float>(), *bep = beta.data_ptr<float>();
  const float* kp = act ? slope.data_ptr<float>() : gap;
  float* sp = sums.data_ptr<float>();
  const auto sums_of = act ? norm_sums<true> : norm_sums<false>;
  const auto gradient_of = act ? norm_gradient<true> : norm_gradient<false>;
  at::parallel_for(0, s.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* to = sp + n * 3 * c;
      sums_of(xp + n * per * c, gp + n * per * c, per, c, mp, ip, gap, bep, kp, to, to + c,
              to + 2 * c);
    }
  });
  const Tensor total = sums.sum(0);
  const Tensor dbeta = total[0].contiguous(), dgamma = total[1].contiguous();
  const Tensor mean_d = dbeta / double(rows), mean_du = dgamma / double(rows);
  Tensor dx = at::empty_like(x);
  at::parallel_for(0, rows, 4096, [&](int64_t begin, int64_t end) {
    gradient_of(xp + begin * c, gp + begin * c, dx.data_ptr<float>() + begin * c, end - begin, c,
                mp, ip, gap, bep, kp, mean_d.data_ptr<float>(), mean_du.data_ptr<float>());
  });
  return {dx, dgamma, dbeta, act ? total[2].contiguous() : Tensor()};
}

// Hard-swish of the first half of the channels times the second half.
Tensor gate_forward(const Tensor& x) {
  const Shape s(x);
  const int64_t h = s.channels / 2, rows = s.batch * s.time * s.freq;
  Tensor y = at::empty({s.batch, s.time, s.freq, h}, x.options());
  const float* xp = x.data_ptr<float>();
  float* yp = y.data_ptr<float>();
  at::parallel_for(0, rows, 2048, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float *a = xp + r * 2 * h, *b = a + h;
      float* out = yp + r * h;
      for (int64_t k = 0; k < h; ++k) {
        const float ramp = std::min(std::max(a[k] + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f);
        out[k] = a[k] * ramp * b[k];
      }
    }
  });
  return y;
}

Tensor gate_backward(const Tensor& x, const Tensor& dy) {
  const Shape s(x);
  const int64_t h = s.channels / 2, rows = s.batch * s.time * s.freq;
  Tensor dx = at::empty_like(x);
  const float *xp = x.data_ptr<float>(), *gp = dy.data_ptr<float>();
  float* dxp = dx.data_ptr<float>();
  at::parallel_for(0, rows, 2048, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float *a = xp + r * 2 * h, *b = a + h, *g = gp + r * h;
      float *da = dxp + r * 2 * h, *db = da + h;
      for (int64_t k = 0; k < h; ++k) {
        const float v = a[k];
        const float ramp = std::min(std::max(v + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f);
        const float inside = (v > -3.0f && v < 3.0f) ? v * (1.0f / 6.0f) : 0.0f;
        db[k] = g[k] * v * ramp;
        da[k] = g[k] * b[k] * (ramp + inside);
      }
    }
  });
  return dx;
}

// Windows over frequency, (batch, time, freq / 2, kernel * channels); zeros past the ends.
Tensor windows_forward(const Tensor& x, int64_t kernel) {
  const Shape s(x);
  const int64_t outs = s.freq / 2, before = (kernel - 2) / 2, c = s.channels;
  Tensor y = at::zeros({s.batch, s.time, outs, kernel * c}, x.options());
  const float* xp = x.data_ptr<float>();
  float* yp = y.data_ptr<float>();
  at::parallel_for(0, s.batch * s.time, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t f = 0; f < outs; ++f) {
        const int64_t low = 2 * f - before;
        const int64_t first = std::max<int64_t>(low, 0);
        const int64_t last = std::min<int64_t>(low + kernel, s.freq);
        const float* in = xp + (r * s.freq + first) * c;
        std::copy(in, in + (last - first) * c, yp + ((r * outs + f) * kernel + first - low) * c);
      }
  });
  return y;
}

Tensor windows_backward(const Tensor& dy, int64_t kernel, int64_t freq) {
  const Shape s(dy);
  const int64_t outs = s.freq, before = (kernel - 2) / 2, c = s.channels / kernel;
  Tensor dx = at::zeros({s.batch, s.time, freq, c}, dy.options());
  const float* gp = dy.data_ptr<float>();
  float* dxp = dx.data_ptr<float>();
  at::parallel_for(0, s.batch * s.time, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t f = 0; f < outs; ++f) {
        const int64_t low = 2 * f - before;
        const int64_t first = std::max<int64_t>(low, 0);
        const int64_t last = std::min<int64_t>(low + kernel, freq);
        const float* g = gp + ((r * outs + f) * kernel + first - low) * c;
        float* out = dxp + (r * freq + first) * c;
        const int64_t n = (last - first) * c;
        for (int64_t k = 0; k < n; ++k) out[k] += g[k];
      }
  });
  return dx;
}

// ---- attention; heads of size 8, channel (half, head, pair) -------------------------------

namespace {

constexpr int64_t D = 8, P = 4;

struct Heads {
  int64_t count, half;
  explicit Heads(int64_t channels) : count(channels / D), half(channels / 2) {}
  void load(const float* x, int64_t h, float* v) const {
    for (int64_t j = 0; j < P; ++j) {
      v[j] = x[h * P + j];
      v[P + j] = x[half + h * P + j];
    }
  }
  void store(const float* v, int64_t h, float* x) const {
    for (int64_t j = 0; j < P; ++j) {
      x[h * P + j] = v[j];
      x[half + h * P + j] = v[P + j];
    }
  }
};

void rotate(const float* v, const float* cos, const float* sin, float* out) {
  for (int64_t j = 0; j < P; ++j) {
    out[j] = v[j] * cos[j] - v[P + j] * sin[j];
    out[P + j] = v[P + j] * cos[j] + v[j] * sin[j];
  }
}

void rotate_back(const float* v, const float* cos, const float* sin, float* out) {
  for (int64_t j = 0; j < P; ++j) {
    out[j] = v[j] * cos[j] + v[P + j] * sin[j];
    out[P + j] = v[P + j] * cos[j] - v[j] * sin[j];
  }
}

}  // namespace

Tensor positive_forward(const Tensor& x) {
  // elu(x) + 1
  Tensor y = at::empty_like(x);
  const float* xp = x.data_ptr<float>();
  float* yp = y.data_ptr<float>();
  at::parallel_for(0, x.numel(), 16384, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const float e = std::exp(std::min(xp[k], 0.0f));
      yp[k] = xp[k] > 0 ? xp[k] + 1.0f : e;
    }
  });
  return y;
}

// Summaries of each frame: k^T v (batch, time, heads, 8, 8) and means of k and v over the bands
// (batch, time, heads * 8); cos and sin are (freq, 4).
std::vector<Tensor> summary_forward(const Tensor& key, const Tensor& value, const Tensor& cos,
                                    const Tensor& sin) {
  const Shape s(key);
  const Heads heads(s.channels);
  Tensor kv = at::zeros({s.batch, s.time, heads.count, D, D}, key.options());
  const float *kp = key.data_ptr<float>(), *vp = value.data_ptr<float>();
  const float *cp = cos.data_ptr<float>(), *sp = sin.data_ptr<float>();
  Tensor k_mean = at::empty({s.batch, s.time, s.channels}, key.options());
  Tensor v_mean = at::empty({s.batch, s.time, s.channels}, key.options());
  float *out = kv.data_ptr<float>(), *kmp = k_mean.data_ptr<float>();
  float* vmp = v_mean.data_ptr<float>();
  const float scale = 1.0f / float(s.freq);
  at::parallel_for(0, s.batch * s.time, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t h = 0; h < heads.count; ++h) {
        float sum[D][D] = {}, k_sum[D] = {}, v_sum[D] = {};
        for (int64_t f = 0; f < s.freq; ++f) {
          float k[D], v[D], rk[D];
          heads.load(kp + (r * s.freq + f) * s.channels, h, k);
          heads.load(vp + (r * s.freq + f) * s.channels, h, v);
          rotate(k, cp + f * P, sp + f * P, rk);
          for (int64_t i = 0; i < D; ++i) {
            k_sum[i] += k[i];
            v_sum[i] += v[i];
            for (int64_t j = 0; j < D; ++j) sum[i][j] += rk[i] * v[j];
          }
        }
        for (int64_t i = 0; i < D; ++i) {
          kmp[r * s.channels + h * D + i] = k_sum[i] * scale;
          vmp[r * s.channels + h * D + i] = v_sum[i] * scale;
        }
        float* to = out + (r * heads.count + h) * D * D;
        for (int64_t i = 0; i < D * D; ++i) to[i] = (&sum[0][0])[i] * scale;
      }
  });
  return {kv, k_mean, v_mean};
}

std::vector<Tensor> summary_backward(const Tensor& key, const Tensor& value, const Tensor& cos,
                                     const Tensor& sin, const Tensor& dkv, const Tensor& dk_mean,
                                     const Tensor& dv_mean) {
  const Shape s(key);
  const Heads heads(s.channels);
  Tensor dk = at::empty_like(key), dv = at::empty_like(value);
  const float *kp = key.data_ptr<float>(), *vp = value.data_ptr<float>();
  const float *cp = cos.data_ptr<float>(), *sp = sin.data_ptr<float>();
  const float *gp = dkv.data_ptr<float>(), *gkp = dk_mean.data_ptr<float>();
  const float* gvp = dv_mean.data_ptr<float>();
  float *dkp = dk.data_ptr<float>(), *dvp = dv.data_ptr<float>();
  const float scale = 1.0f / float(s.freq);
  at::parallel_for(0, s.batch * s.time, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t h = 0; h < heads.count; ++h) {
        const float* g = gp + (r * heads.count + h) * D * D;
        const float *gk = gkp + r * s.channels + h * D, *gv = gvp + r * s.channels + h * D;
        for (int64_t f = 0; f < s.freq; ++f) {
          const int64_t at = (r * s.freq + f) * s.channels;
          float k[D], v[D], rk[D], drk[D], out_k[D], out_v[D];
          heads.load(kp + at, h, k);
          heads.load(vp + at, h, v);
          rotate(k, cp + f * P, sp + f * P, rk);
          for (int64_t j = 0; j < D; ++j) out_v[j] = gv[j];
          for (int64_t i = 0; i < D; ++i) {
            float sum = 0;
            for (int64_t j = 0; j < D; ++j) {
              sum += g[i * D + j] * v[j];
              out_v[j] += g[i * D + j] * rk[i];
            }
            drk[i] = sum;
          }
          rotate_back(drk, cp + f * P, sp + f * P, out_k);
          for (int64_t i = 0; i < D; ++i) {
            out_k[i] = (out_k[i] + gk[i]) * scale;
            out_v[i] *= scale;
          }
          heads.store(out_k, h, dkp + at);
          heads.store(out_v, h, dvp + at);
        }
      }
  });
  return {dk, dv};
}

// Attention of each token to the mean summaries of its frame's window.
Tensor attend_forward(const Tensor& query, const Tensor& kv, const Tensor& k_mean,
                      const Tensor& v_mean, const Tensor& cos, const Tensor& sin, double scale,
                      double floor) {
  const Shape s(query);
  const Heads heads(s.channels);
  Tensor y = at::empty_like(query);
  const float *qp = query.data_ptr<float>(), *kvp = kv.data_ptr<float>();
  const float *kp = k_mean.data_ptr<float>(), *vp = v_mean.data_ptr<float>();
  const float *cp = cos.data_ptr<float>(), *sp = sin.data_ptr<float>();
  float* yp = y.data_ptr<float>();
  const float sc = float(scale), fl = float(floor);
  at::parallel_for(0, s.batch * s.time, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t h = 0; h < heads.count; ++h) {
        const float* m = kvp + (r * heads.count + h) * D * D;
        const float *km = kp + r * s.channels + h * D, *vm = vp + r * s.channels + h * D;
        for (int64_t f = 0; f < s.freq; ++f) {
          const int64_t at = (r * s.freq + f) * s.channels;
          float q[D], rq[D], num[D] = {}, out[D], z = 0;
          heads.load(qp + at, h, q);
          rotate(q, cp + f * P, sp + f * P, rq);
          for (int64_t i = 0; i < D; ++i) z += q[i] * km[i];
          z *= sc;
          for (int64_t i = 0; i < D; ++i)
            for (int64_t j = 0; j < D; ++j) num[j] += rq[i] * m[i * D + j];
          const float inverse = sc / (z + fl);
          for (int64_t j = 0; j < D; ++j) {
            const float a = num[j] * inverse;
            out[j] = a + z * (a - vm[j]);
          }
          heads.store(out, h, yp + at);
        }
      }
  });
  return y;
}

std::vector<Tensor> attend_backward(const Tensor& query, const Tensor& kv, const Tensor& k_mean,
                                    const Tensor& v_mean, const Tensor& cos, const Tensor& sin,
                                    const Tensor& dy, double scale, double floor) {
  const Shape s(query);
  const Heads heads(s.channels);
  Tensor dq = at::empty_like(query), dkv = at::empty_like(kv);
  Tensor dk = at::empty_like(k_mean), dv = at::empty_like(v_mean);
  const float *qp = query.data_ptr<float>(), *kvp = kv.data_ptr<float>();
  const float *kp = k_mean.data_ptr<float>(), *vp = v_mean.data_ptr<float>();
  const float *cp = cos.data_ptr<float>(), *sp = sin.data_ptr<float>();
  const float* gp = dy.data_ptr<float>();
  float *dqp = dq.data_ptr<float>(), *dkvp = dkv.data_ptr<float>();
  float *dkp = dk.data_ptr<float>(), *dvp = dv.data_ptr<float>();
  const float sc = float(scale), fl = float(floor);
  at::parallel_for(0, s.batch * s.time, 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t h = 0; h < heads.count; ++h) {
        const float* m = kvp + (r * heads.count + h) * D * D;
        const float *km = kp + r * s.channels + h * D, *vm = vp + r * s.channels + h * D;
        float dkm[D] = {}, dvm[D] = {}, dm[D][D] = {};
        for (int64_t f = 0; f < s.freq; ++f) {
          const int64_t at = (r * s.freq + f) * s.channels;
          float q[D], rq[D], g[D], num[D] = {}, dnum[D], drq[D], out[D], z = 0, dz = 0;
          heads.load(qp + at, h, q);
          heads.load(gp + at, h, g);
          rotate(q, cp + f * P, sp + f * P, rq);
          for (int64_t i = 0; i < D; ++i) z += q[i] * km[i];
          z *= sc;
          for (int64_t i = 0; i < D; ++i)
            for (int64_t j = 0; j < D; ++j) num[j] += rq[i] * m[i * D + j];
          const float inverse = sc / (z + fl), plain = 1.0f / (z + fl);
          for (int64_t j = 0; j < D; ++j) {
            const float a = num[j] * inverse, da = g[j] * (1.0f + z);
            dz += g[j] * (a - vm[j]) - da * a * plain;
            dvm[j] -= z * g[j];
            dnum[j] = da * inverse;
          }
          for (int64_t i = 0; i < D; ++i) {
            float sum = 0;
            for (int64_t j = 0; j < D; ++j) {
              sum += dnum[j] * m[i * D + j];
              dm[i][j] += rq[i] * dnum[j];
            }
            drq[i] = sum;
            dkm[i] += dz * q[i] * sc;
          }
          rotate_back(drq, cp + f * P, sp + f * P, out);
          for (int64_t i = 0; i < D; ++i) out[i] += dz * km[i] * sc;
          heads.store(out, h, dqp + at);
        }
        std::copy(&dm[0][0], &dm[0][0] + D * D, dkvp + (r * heads.count + h) * D * D);
        std::copy(dkm, dkm + D, dkp + r * s.channels + h * D);
        std::copy(dvm, dvm + D, dvp + r * s.channels + h * D);
      }
  });
  return {dq, dkv, dk, dv};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("depthwise_forward", &depthwise_forward);
  m.def("depthwise_backward", &depthwise_backward);
  m.def("norm_forward", &norm_forward);
  m.def("norm_backward", &norm_backward);
  m.def("gate_forward", &gate_forward);
  m.def("gate_backward", &gate_backward);
  m.def("windows_forward", &windows_forward);
  m.def("windows_backward", &windows_backward);
  m.def("positive_forward", &positive_forward);
  m.def("summary_forward", &summary_forward);
  m.def("summary_backward", &summary_backward);
  m.def("attend_forward", &attend_forward);
  m.def("attend_backward", &attend_backward);
}
