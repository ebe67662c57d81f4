/** What runs on the graphics card (GLSL ES 3.00). */

const LIGHT = `
vec3 lit(vec3 color, vec3 normal) {
  float facing = abs(dot(normalize(normal), normalize(vec3(0.25, 0.45, 1.0))));
  return color * (0.42 + 0.62 * facing);
}`;

export const SURFACE = {
  vertex: `#version 300 es
uniform mat4 view, lens;
in vec3 place, normal, color;
in vec2 spot;
out vec3 side, tint;
out vec2 on;
void main() {
  side = mat3(view) * normal; tint = color; on = spot;
  gl_Position = lens * view * vec4(place, 1.0);
}`,
  fragment: `#version 300 es
precision mediump float;
uniform sampler2D picture;
uniform bool pictured;
in vec3 side, tint;
in vec2 on;
out vec4 shown;
${LIGHT}
void main() { shown = vec4(lit(pictured ? tint * texture(picture, on).rgb : tint, side), 1.0); }`,
};

/** Squares that face the reader, with a ball or a dot in each. */
export const BALL = {
  vertex: `#version 300 es
uniform mat4 view, lens;
uniform float dot_size;
uniform vec2 window;
in vec2 corner;
in vec3 place, color;
in float radius;
out vec3 tint, middle;
out vec2 on;
out float size;
void main() {
  vec4 seen = view * vec4(place, 1.0);
  tint = color; on = corner; middle = seen.xyz; size = radius;
  if (dot_size > 0.0) {
    gl_Position = lens * seen;
    gl_Position.xy += corner * dot_size / window * gl_Position.w;
  } else gl_Position = lens * (seen + vec4(corner * radius, 0.0, 0.0));
}`,
  fragment: `#version 300 es
precision highp float;
uniform mat4 lens;
uniform float dot_size;
in vec3 tint, middle;
in vec2 on;
in float size;
out vec4 shown;
${LIGHT}
void main() {
  float far = dot(on, on);
  if (far > 1.0) discard;
  gl_FragDepth = gl_FragCoord.z;
  if (dot_size > 0.0) { shown = vec4(tint, 1.0); return; }
  vec3 normal = vec3(on, sqrt(1.0 - far));
  vec4 at = lens * vec4(middle + normal * size, 1.0);
  gl_FragDepth = clamp(at.z / at.w * 0.5 + 0.5, 0.0, 1.0);
  shown = vec4(lit(tint, normal), 1.0);
}`,
};

export const LINE = {
  vertex: `#version 300 es
uniform mat4 view, lens;
in vec3 place, color;
out vec3 tint;
void main() { tint = color; gl_Position = lens * view * vec4(place, 1.0); }`,
  fragment: `#version 300 es
precision mediump float;
in vec3 tint;
out vec4 shown;
void main() { shown = vec4(tint, 1.0); }`,
};
