/**
 * One context of the graphics card for all views: browsers allow few. Each view has buffers of its own in it, is painted
 * when something changed, and gets the pixels as a picture.
 */
import type { Lens } from "./camera";
import { type Drawn, type Scene, SceneError, type Surface } from "./scene";
import { BALL, LINE, SURFACE } from "./shaders";

interface Program {
  program: WebGLProgram;
  place: (name: string) => WebGLUniformLocation | null;
}

interface Shape {
  program: Program;
  vertices: WebGLVertexArrayObject;
  count: number;
  kind: "dots" | "balls" | "lines" | "surface";
  picture: WebGLTexture | null;
}

const CORNERS = new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]);

class Card {
  readonly canvas = document.createElement("canvas");
  readonly gl: WebGL2RenderingContext;
  private readonly programs: Record<"ball" | "line" | "surface", Program>;
  isLost = false;

  constructor() {
    const gl = this.canvas.getContext("webgl2", { antialias: true, alpha: true, preserveDrawingBuffer: true });
    if (!gl) throw new SceneError("card");
    this.gl = gl;
    this.canvas.addEventListener("webglcontextlost", () => (this.isLost = true));
    this.programs = { ball: this.program(BALL), line: this.program(LINE), surface: this.program(SURFACE) };
  }

  private program(source: { vertex: string; fragment: string }): Program {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, source.vertex], [gl.FRAGMENT_SHADER, source.fragment]] as const) {
      const shader = gl.createShader(kind);
      if (!shader) throw new SceneError("card");
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new SceneError("card", gl.getProgramInfoLog(program) ?? "");
    return { program, place: (name) => gl.getUniformLocation(program, name) };
  }

  shapes(scene: Scene): { shapes: Shape[]; buffers: WebGLBuffer[] } {
    const buffers: WebGLBuffer[] = [];
    const parts = scene.points.positions.length / 3;
    const dots = this.shape("dots", "ball", parts, buffers, [...drawn(scene.points, 1), { name: "radius", data: new Float32Array(parts), size: 1, each: 1 }]);
    const balls = this.shape("balls", "ball", scene.balls.radii.length, buffers, [...drawn(scene.balls, 1), { name: "radius", data: scene.balls.radii, size: 1, each: 1 }]);
    const lines = this.shape("lines", "line", scene.lines.positions.length / 3, buffers, drawn(scene.lines, 0));
    const surfaces = scene.surfaces.map((surface) => ({ ...this.shape("surface", "surface", surface.positions.length / 3, buffers, sides(surface)), picture: this.texture(surface.picture) }));
    return { shapes: [dots, balls, lines, ...surfaces].filter((shape) => shape.count > 0), buffers };
  }

  private shape(kind: Shape["kind"], name: "ball" | "line" | "surface", count: number, buffers: WebGLBuffer[], attributes: readonly Attribute[]): Shape {
    const { gl } = this;
    const program = this.programs[name];
    const vertices = gl.createVertexArray();
    gl.bindVertexArray(vertices);
    for (const { name: own, data, size, each } of [...attributes, ...(name === "ball" ? [{ name: "corner", data: CORNERS, size: 2, each: 0 }] : [])]) {
      const at = gl.getAttribLocation(program.program, own);
      if (at < 0 || data.length === 0) continue;
      const buffer = gl.createBuffer();
      buffers.push(buffer);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, data instanceof Uint8Array ? gl.UNSIGNED_BYTE : gl.FLOAT, data instanceof Uint8Array, 0, 0);
      gl.vertexAttribDivisor(at, each);
    }
    gl.bindVertexArray(null);
    return { program, vertices, count, kind, picture: null };
  }

  private texture(picture: ImageBitmap | null): WebGLTexture | null {
    if (!picture) return null;
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.generateMipmap(gl.TEXTURE_2D);
    return texture;
  }

  paint(shapes: readonly Shape[], lens: Lens, width: number, height: number, dot: number): void {
    const { gl, canvas } = this;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    for (const { program, vertices, count, kind, picture } of shapes) {
      gl.useProgram(program.program);
      gl.bindVertexArray(vertices);
      gl.uniformMatrix4fv(program.place("view"), false, lens.view);
      gl.uniformMatrix4fv(program.place("lens"), false, lens.lens);
      gl.uniform1f(program.place("dot_size"), kind === "dots" ? dot : 0);
      gl.uniform2f(program.place("window"), width, height);
      gl.uniform1i(program.place("pictured"), picture ? 1 : 0);
      if (picture) gl.bindTexture(gl.TEXTURE_2D, picture);
      if (kind === "lines") gl.drawArrays(gl.LINES, 0, count);
      else if (kind === "surface") gl.drawArrays(gl.TRIANGLES, 0, count);
      else gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    }
    gl.bindVertexArray(null);
  }
}

interface Attribute {
  name: string;
  data: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  size: number;
  /** 1: once for each ball, 0: for each corner. */
  each: number;
}

const drawn = (one: Drawn, each: number): Attribute[] => [{ name: "place", data: one.positions, size: 3, each }, { name: "color", data: one.colors, size: 3, each }];
const sides = (surface: Surface): Attribute[] => [...drawn(surface, 0), { name: "normal", data: surface.normals, size: 3, each: 0 }, { name: "spot", data: surface.places, size: 2, each: 0 }];

let shared: Card | null = null;

function card(): Card {
  if (!shared || shared.isLost) shared = new Card();
  return shared;
}

const FEW = 5000; // points that are drawn large

export interface Painter {
  paint: (target: HTMLCanvasElement, lens: Lens) => void;
  close: () => void;
}

/** Raises `SceneError` where the browser has no WebGL 2. */
export function painterOf(scene: Scene): Painter {
  const own = card();
  const { shapes, buffers } = own.shapes(scene);
  const points = scene.points.positions.length / 3;
  return {
    paint: (target, lens) => {
      const { width, height } = target;
      const dot = (height / 360) * (points < FEW ? 3 : points < 20 * FEW ? 1.6 : 1.1);
      own.paint(shapes, lens, width, height, Math.max(1, dot));
      const place = target.getContext("2d");
      place?.clearRect(0, 0, width, height);
      place?.drawImage(own.canvas, 0, 0);
    },
    close: () => {
      for (const buffer of buffers) own.gl.deleteBuffer(buffer);
      for (const shape of shapes) {
        own.gl.deleteVertexArray(shape.vertices);
        if (shape.picture) own.gl.deleteTexture(shape.picture);
      }
    },
  };
}
