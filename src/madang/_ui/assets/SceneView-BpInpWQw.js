import{r as e}from"./rolldown-runtime-XKyaHtl9.js";import{a as t,c as n,d as r,i,l as a,n as o,o as s,r as c,s as l,t as u,u as d}from"./index-Kj-Yyq_g.js";var f=e(r(),1),p=[1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1];function m(e,t){return Array.from({length:16},(n,r)=>{let[i,a]=[Math.floor(r/4),r%4];return[0,1,2,3].reduce((n,r)=>n+(e[4*r+a]??0)*(t[4*i+r]??0),0)})}function h(e,[t,n,r]){return[0,1,2].map(i=>(e[i]??0)*t+(e[4+i]??0)*n+(e[8+i]??0)*r+(e[12+i]??0))}function g(e,t,n,r){let i=1/Math.tan(e/2);return[i/t,0,0,0,0,i,0,0,0,0,(r+n)/(n-r),-1,0,0,2*r*n/(n-r),0]}var _=(e,t,n)=>[1,0,0,0,0,1,0,0,0,0,1,0,e,t,n,1];function v(e){let[t,n]=[Math.sin(e),Math.cos(e)];return[1,0,0,0,0,n,t,0,0,-t,n,0,0,0,0,1]}function y(e){let[t,n]=[Math.sin(e),Math.cos(e)];return[n,0,-t,0,0,1,0,0,t,0,n,0,0,0,0,1]}var b={turn:.6,tilt:.45,zoom:1,aside:[0,0]},x=.7,[S,C]=[.1,60],w=[1,0,0,0,0,0,-1,0,0,1,0,0,0,0,0,1];function T(e,t,n,r){let{radius:i}=e,a=Math.min(1,n/r),o=i*1.05/Math.sin(x/2)/a/t.zoom,s=m(m(v(t.tilt),y(t.turn)),e.up===`z`?w:p);return{view:m(_(t.aside[0]*i,t.aside[1]*i,-o),s),lens:g(x,n/r,Math.max(o-i*4,o/200),o+i*40)}}var E=(e,t,n)=>({...e,turn:e.turn+t,tilt:Math.max(-Math.PI/2,Math.min(Math.PI/2,e.tilt+n))}),D=(e,t)=>({...e,zoom:Math.max(S,Math.min(C,e.zoom*t))}),O=(e,t,n)=>({...e,aside:[e.aside[0]+t/e.zoom,e.aside[1]+n/e.zoom]});function k({view:e,lens:t},n){let r=h(e,n);if(r[2]>=0)return null;let[i,a]=h(t,r);return[.5-i/r[2]/2,.5+a/r[2]/2]}var A=class extends Error{code;detail;constructor(e,t=``){super(e),this.code=e,this.detail=t}},j=`
vec3 lit(vec3 color, vec3 normal) {
  float facing = abs(dot(normalize(normal), normalize(vec3(0.25, 0.45, 1.0))));
  return color * (0.42 + 0.62 * facing);
}`,M={vertex:`#version 300 es
uniform mat4 view, lens;
in vec3 place, normal, color;
in vec2 spot;
out vec3 side, tint;
out vec2 on;
void main() {
  side = mat3(view) * normal; tint = color; on = spot;
  gl_Position = lens * view * vec4(place, 1.0);
}`,fragment:`#version 300 es
precision mediump float;
uniform sampler2D picture;
uniform bool pictured;
in vec3 side, tint;
in vec2 on;
out vec4 shown;
${j}
void main() { shown = vec4(lit(pictured ? tint * texture(picture, on).rgb : tint, side), 1.0); }`},N={vertex:`#version 300 es
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
}`,fragment:`#version 300 es
precision highp float;
uniform mat4 lens;
uniform float dot_size;
in vec3 tint, middle;
in vec2 on;
in float size;
out vec4 shown;
${j}
void main() {
  float far = dot(on, on);
  if (far > 1.0) discard;
  gl_FragDepth = gl_FragCoord.z;
  if (dot_size > 0.0) { shown = vec4(tint, 1.0); return; }
  vec3 normal = vec3(on, sqrt(1.0 - far));
  vec4 at = lens * vec4(middle + normal * size, 1.0);
  gl_FragDepth = clamp(at.z / at.w * 0.5 + 0.5, 0.0, 1.0);
  shown = vec4(lit(tint, normal), 1.0);
}`},P={vertex:`#version 300 es
uniform mat4 view, lens;
in vec3 place, color;
out vec3 tint;
void main() { tint = color; gl_Position = lens * view * vec4(place, 1.0); }`,fragment:`#version 300 es
precision mediump float;
in vec3 tint;
out vec4 shown;
void main() { shown = vec4(tint, 1.0); }`},F=new Float32Array([-1,-1,1,-1,-1,1,1,1]),I=class{canvas=document.createElement(`canvas`);gl;programs;isLost=!1;constructor(){let e=this.canvas.getContext(`webgl2`,{antialias:!0,alpha:!0,preserveDrawingBuffer:!0});if(!e)throw new A(`card`);this.gl=e,this.canvas.addEventListener(`webglcontextlost`,()=>this.isLost=!0),this.programs={ball:this.program(N),line:this.program(P),surface:this.program(M)}}program(e){let{gl:t}=this,n=t.createProgram();for(let[r,i]of[[t.VERTEX_SHADER,e.vertex],[t.FRAGMENT_SHADER,e.fragment]]){let e=t.createShader(r);if(!e)throw new A(`card`);t.shaderSource(e,i),t.compileShader(e),t.attachShader(n,e)}if(t.linkProgram(n),!t.getProgramParameter(n,t.LINK_STATUS))throw new A(`card`,t.getProgramInfoLog(n)??``);return{program:n,place:e=>t.getUniformLocation(n,e)}}shapes(e){let t=[],n=e.points.positions.length/3;return{shapes:[this.shape(`dots`,`ball`,n,t,[...L(e.points,1),{name:`radius`,data:new Float32Array(n),size:1,each:1}]),this.shape(`balls`,`ball`,e.balls.radii.length,t,[...L(e.balls,1),{name:`radius`,data:e.balls.radii,size:1,each:1}]),this.shape(`lines`,`line`,e.lines.positions.length/3,t,L(e.lines,0)),...e.surfaces.map(e=>({...this.shape(`surface`,`surface`,e.positions.length/3,t,R(e)),picture:this.texture(e.picture)}))].filter(e=>e.count>0),buffers:t}}shape(e,t,n,r,i){let{gl:a}=this,o=this.programs[t],s=a.createVertexArray();a.bindVertexArray(s);for(let{name:e,data:n,size:s,each:c}of[...i,...t===`ball`?[{name:`corner`,data:F,size:2,each:0}]:[]]){let t=a.getAttribLocation(o.program,e);if(t<0||n.length===0)continue;let i=a.createBuffer();r.push(i),a.bindBuffer(a.ARRAY_BUFFER,i),a.bufferData(a.ARRAY_BUFFER,n,a.STATIC_DRAW),a.enableVertexAttribArray(t),a.vertexAttribPointer(t,s,n instanceof Uint8Array?a.UNSIGNED_BYTE:a.FLOAT,n instanceof Uint8Array,0,0),a.vertexAttribDivisor(t,c)}return a.bindVertexArray(null),{program:o,vertices:s,count:n,kind:e,picture:null}}texture(e){if(!e)return null;let{gl:t}=this,n=t.createTexture();return t.bindTexture(t.TEXTURE_2D,n),t.texImage2D(t.TEXTURE_2D,0,t.RGBA,t.RGBA,t.UNSIGNED_BYTE,e),t.generateMipmap(t.TEXTURE_2D),n}paint(e,t,n,r,i){let{gl:a,canvas:o}=this;(o.width!==n||o.height!==r)&&([o.width,o.height]=[n,r]),a.viewport(0,0,n,r),a.enable(a.DEPTH_TEST),a.clearColor(0,0,0,0),a.clear(a.COLOR_BUFFER_BIT|a.DEPTH_BUFFER_BIT);for(let{program:o,vertices:s,count:c,kind:l,picture:u}of e)a.useProgram(o.program),a.bindVertexArray(s),a.uniformMatrix4fv(o.place(`view`),!1,t.view),a.uniformMatrix4fv(o.place(`lens`),!1,t.lens),a.uniform1f(o.place(`dot_size`),l===`dots`?i:0),a.uniform2f(o.place(`window`),n,r),a.uniform1i(o.place(`pictured`),+!!u),u&&a.bindTexture(a.TEXTURE_2D,u),l===`lines`?a.drawArrays(a.LINES,0,c):l===`surface`?a.drawArrays(a.TRIANGLES,0,c):a.drawArraysInstanced(a.TRIANGLE_STRIP,0,4,c);a.bindVertexArray(null)}},L=(e,t)=>[{name:`place`,data:e.positions,size:3,each:t},{name:`color`,data:e.colors,size:3,each:t}],R=e=>[...L(e,0),{name:`normal`,data:e.normals,size:3,each:0},{name:`spot`,data:e.places,size:2,each:0}],z=null;function B(){return(!z||z.isLost)&&(z=new I),z}var V=5e3;function H(e){let t=B(),{shapes:n,buffers:r}=t.shapes(e),i=e.points.positions.length/3;return{paint:(e,r)=>{let{width:a,height:o}=e,s=o/360*(i<V?3:i<20*V?1.6:1.1);t.paint(n,r,a,o,Math.max(1,s));let c=e.getContext(`2d`);c?.clearRect(0,0,a,o),c?.drawImage(t.canvas,0,0)},close:()=>{for(let e of r)t.gl.deleteBuffer(e);for(let e of n)t.gl.deleteVertexArray(e.vertices),e.picture&&t.gl.deleteTexture(e.picture)}}}var U=64<<20,W=3e4;function G(e,t){let n=K(e),[r,i]=(0,f.useState)({scene:null,error:null});return(0,f.useEffect)(()=>{if(!n.data)return;let r=new Worker(new URL(`/assets/worker-CCc_clTP.js`,``+import.meta.url),{type:`module`}),a=e=>{r.terminate(),i({scene:null,error:e})},o=window.setTimeout(()=>a(new A(`slow`)),W);return r.onmessage=({data:e})=>{window.clearTimeout(o),`scene`in e?i({scene:e.scene,error:null}):a(new A(e.code,e.detail))},r.onerror=()=>a(new A(`broken`)),r.postMessage({name:e,bytes:n.data,style:t}),()=>{window.clearTimeout(o),r.terminate()}},[n.data,e,t]),{scene:r.scene,error:n.error??r.error,retry:()=>void n.refetch()}}function K(e){let t=u();return a({queryKey:[`media-bytes`,t.owner,e],queryFn:({signal:n})=>l.bytes(t.url(e),U,n),staleTime:1/0,gcTime:1e4,retry:!1})}var q=d();function J({path:e,name:r,kind:i}){let[a,s]=(0,f.useState)(`sticks`),{scene:l,error:u,retry:d}=G(e,a);return u?u instanceof A?(0,q.jsx)(Y,{error:u}):(0,q.jsx)(c,{error:u,onRetry:d}):l?(0,q.jsxs)(q.Fragment,{children:[(0,q.jsx)(Q,{scene:l,name:r}),i===`molecule`&&(0,q.jsx)(o,{label:n(`scene.style`),value:a,options:[[`sticks`,n(`scene.sticks`)],[`spheres`,n(`scene.spheres`)],[`backbone`,n(`scene.backbone`)]],onChange:s})]}):(0,q.jsx)(t,{})}var Y=({error:e})=>(0,q.jsx)(c,{error:new s(0,`scene`,n(`scene.error.${e.code}`,{detail:e.detail}),n(`scene.error.hint`))}),X=.12,Z=1.25;function Q({scene:e,name:t}){let r=(0,f.useRef)(null),[a,o]=(0,f.useState)(b),s=ne(r,e,a),c=ee(o);te(r,e=>o(t=>D(t,e)));let l=e=>{let t=$(e,a);t&&(e.preventDefault(),e.stopPropagation(),o(t))},u=e.counts.map(({kind:e,count:t,total:r})=>n(t<r?`scene.some`:`scene.all`,{count:t,total:r,kind:n(`scene.${e}`,{count:r})})).join(` · `);return s?(0,q.jsx)(Y,{error:s}):(0,q.jsxs)(`figure`,{className:`scene`,children:[(0,q.jsx)(`canvas`,{ref:r,tabIndex:0,role:`img`,"aria-label":`${t}: ${u}. ${n(`scene.keys`)}`,title:n(`scene.keys`),onKeyDown:l,...c}),(0,q.jsxs)(`figcaption`,{children:[(0,q.jsx)(`span`,{children:u}),(0,q.jsxs)(`span`,{className:`scene-buttons`,children:[(0,q.jsx)(i,{icon:`plus`,label:n(`scene.nearer`),onClick:()=>o(D(a,Z))}),(0,q.jsx)(i,{icon:`minus`,label:n(`scene.farther`),onClick:()=>o(D(a,1/Z))}),(0,q.jsx)(i,{icon:`fit`,label:n(`scene.reset`),onClick:()=>o(b)})]})]})]})}function $({key:e,shiftKey:t},n){let r={ArrowLeft:[-1,0],ArrowRight:[1,0],ArrowUp:[0,-1],ArrowDown:[0,1]}[e];return r?t?O(n,r[0]*X,-r[1]*X):E(n,r[0]*X,r[1]*X):e===`+`||e===`=`?D(n,Z):e===`-`?D(n,1/Z):e===`0`?b:null}function ee(e){let t=(0,f.useRef)(null);return{onPointerDown:e=>{e.currentTarget.setPointerCapture(e.pointerId),t.current=[e.clientX,e.clientY]},onPointerMove:n=>{if(!t.current||!n.currentTarget.hasPointerCapture(n.pointerId))return;let[r,i]=[n.clientX-t.current[0],n.clientY-t.current[1]];t.current=[n.clientX,n.clientY];let a=n.currentTarget.clientHeight;e(e=>n.shiftKey||n.buttons===2?O(e,2*r/a,-2*i/a):E(e,r/120,i/120))}}}function te(e,t){let n=(0,f.useRef)(t);n.current=t,(0,f.useEffect)(()=>{let t=e.current;if(!t)return;let r=e=>{(e.ctrlKey||document.activeElement===t)&&(e.preventDefault(),n.current(Math.exp(-e.deltaY/400)))};return t.addEventListener(`wheel`,r,{passive:!1}),()=>t.removeEventListener(`wheel`,r)},[e])}function ne(e,t,n){let[r,i]=(0,f.useState)(null),[a,o]=(0,f.useState)(null),[s,c]=(0,f.useState)(``);return(0,f.useEffect)(()=>{try{let e=H(t);return i(e),e.close}catch(e){o(e instanceof A?e:new A(`card`,String(e)));return}},[t]),(0,f.useEffect)(()=>{if(!e.current)return;let t=new ResizeObserver(([e])=>e&&c(`${e.contentRect.width} ${e.contentRect.height}`));return t.observe(e.current),()=>t.disconnect()},[e]),(0,f.useEffect)(()=>{let i=e.current;if(!i||!r||i.clientWidth===0)return;let a=requestAnimationFrame(()=>{let e=Math.min(2,window.devicePixelRatio||1),[a,o]=[Math.round(i.clientWidth*e),Math.round(i.clientHeight*e)];(i.width!==a||i.height!==o)&&([i.width,i.height]=[a,o]);let s=T(t,n,a,o);r.paint(i,s),re(i,t,s,e),i.dataset.state=`painted`});return()=>cancelAnimationFrame(a)},[r,t,n,s,e]),a}function re(e,t,n,r){let i=e.getContext(`2d`);if(!i||t.labels.length===0)return;let a=getComputedStyle(e);i.font=`${11*r}px ${a.fontFamily}`,i.textAlign=`center`,i.lineWidth=3*r,i.strokeStyle=a.getPropertyValue(`--surface`);for(let a of t.labels){let t=k(n,a.at);t&&(i.fillStyle=`rgb(${a.color.join(` `)})`,i.strokeText(a.text,t[0]*e.width,t[1]*e.height-3*r),i.fillText(a.text,t[0]*e.width,t[1]*e.height-3*r))}}export{J as default};