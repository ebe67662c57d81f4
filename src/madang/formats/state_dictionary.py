"""What the stored states of most runs share, as a zstd dictionary: field names and usual values.

Frozen: states at rest were compressed with it. Another one would need another letter in `formats.state`.
"""

from __future__ import annotations

import base64

from madang.formats.zstd import decompress

STATE_DICTIONARY = decompress(
    base64.b85decode(
        r"""D77#BV37wMApnMYw?RN}nghw_9uJMB(IQ4hVW9r4mo`xkReQ6^r;-`#jNZ)JPLh&RO0^NPTM{|Bs{|RuBq8)a!P?|yL5XOxj&D1s"""
        r"""0G|M-04Wy{&265CGhtq99Q&hiynaqy`_{2<)d@3@lc=d3(p!{-pM<=gU1@fGh3;&>6b<|>x3@iAhLJUn2of|C65G&!wpKZRV?Qdf"""
        r"""mOO8Vt-+IbV_nCD>@TT!Y_v(C_1-+k4}N|rnRX8c65H0g(x)Yq_jLwn?+1g{aGbQaO~IE{&-HE)aEWmMMhy!WsD()hHERb;wkeiS"""
        r"""V)$B~=-7@hgL$w7j-e);&K*f~pkQWFmqC)g$)0syx3&FrV)bV`*9<e!3ma7}>J&Cl`kmimtZhfVmS7-FI7x0T$;4X@<tg>sl2#H1"""
        r""";yj$Xl~^oqvXs<m-qyMo1YHr<IkK}F^!mBoY1g#e1Hy8>rPZdvcAOYGZ$1}4%iR&`LL8^EWd_-MS=D(iOGjYnH=#CCH||&^RJkUt"""
        r"""o>Q|BKU+@fa5FnEc2zwD*+yR13N=>a;7c+sYI5bGjxZB>sQf1+lY#H1;Jm|!O-MnfSwEHS@>XuLPnkP;n0?>~(2qL4E0Mlm6dmDn"""
        r"""q?_$>(7z?7_S=*Rr6)3_E~hmf4*{&DQHs3TIu=ft>6gM{g$#~kx18gx!*Q0<vf4!g0071B=~#;YN`8D@!msorPoPV{R*u%rq72Yt"""
        r"""D)&60(D=-7Az_-}Kn2Oh#&ZUuju1i=5%@^(mSYqnyXa@T_UJ8@2qFp!UT7Ro{b`D=ZK*wID{=)Ckrj5Q4OnsN-q=dyNkN-In1>kp"""
        r"""b7km=*OlF@_53#DaG8{Jtb`n0cDW#L5E>)RY#z~zOSiSW=oAElG?V>a3pzYH7GPHa77td>WqFoPGnwZ7&_S~6U0<MHwGiHqyUIjD"""
        r"""?9Y}|TW#a@vrMLX!bC0{Zhd99ar|dvBLRSfsNp0sh#167jm(G?He(=!5T@+r0n)%ch=LSU5IZD+$Vfq1DLgLT+UFHPeCs;7LG((2"""
        r"""K|wwmo{LApm*~!BW^!g+iGw$kX*`#~Xm)_kc6-=W(Sx0jmY*IAnPWD4VlV&LOnMK*hf-IHdCezrj354eeJm*OAlQ$*KogdFfBO^3"""
        r"""9Fr)y3Knt7Xf196p}FOHr&ItW0jU`cUtgo5qygcYkr=)7H)n+}nL{40u1O0Qju3$~`o3dz$=m>75(_6KDc7p$f;U_xtx4k`0SMjz"""
        r"""=3?bx|3F3Rr1NF}4P*eDD`Xkc+(ZL-^6H<)6hQeil3;2M_92i$oDL!9XdxVr!&7k#J}Z#wKZ=)x@q`1wgS~_D+Drh?OFzgbv^X=="""
        r"""EW?Fh4!O7MfLsxPqdfnr7%*HqdTh9I_BY~~Dg"""
    )
)
