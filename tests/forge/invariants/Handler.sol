// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Awarding} from "./Awarding.sol";
import {Dice} from "./Dice.sol";
import {Reentry} from "./Reentry.sol";
import {WindUp} from "./WindUp.sol";
import {World} from "./World.sol";

/// @title Everybody's hands together, and time
contract Handler is WindUp {
    /// @dev Some runs take days, some take years.
    uint256 private _pace;

    constructor(uint256 par_, bool hostile) World(par_) Reentry(hostile) {
        vm.warp(clock);
        _open(0, 60 days);
        _open(10 days, 90 days);
        _closed(10 days, 60 days, 1_500);
        _closed(0, 45 days, 10_000);
        for (uint256 i = 0; i < holders.length; ++i) {
            _buy(holders[i], holders[i], 5_000);
        }
        _engage(baker);
        _engage(accomplice);
        _look();
    }

    /// @notice Time passes: mostly a little, now and then up to where something changes, seldom far.
    function pass(uint256 seed) external step {
        Dice memory d = _dice(seed);
        uint256 face = d.below(12);
        if (_pace == 0) _pace = [1, 2, 6][d.below(3)];
        uint256 until = clock + 1 + _pace * d.below(face < 4 ? 1 hours : face < 7 ? 1 days : 5 days);
        if (face == 9) until = (clock / 1 days + 1) * 1 days;
        if (face > 9) until = _moment(d, 1 + d.below(campaigns));
        bool far = until > clock + _pace * 20 days && !d.oneIn(6);
        if (until > clock && !far) clock = until;
        vm.warp(clock);
        bringUpToDate();
    }

    /// @dev Where a campaign changes, or the second before.
    function _moment(Dice memory d, uint256 id) private view returns (uint256 moment) {
        Terms storage t = terms[id];
        uint256 face = d.below(5);
        if (face == 0) moment = t.end;
        else if (face == 1) moment = t.end + WEEK;
        else if (face == 2) moment = t.expiry + WEEK;
        else if (face == 3) moment = t.due;
        else if (t.hold > 0) moment = (clock / t.hold + 1) * t.hold;
        return moment > 0 && d.oneIn(2) ? moment - 1 : moment;
    }

    function _engage(address merchant) private {
        vm.startPrank(merchant);
        hub.setDelegate(delegate, true);
        hub.setDelegate(address(asset), true);
        vm.stopPrank();
        delegated[merchant][delegate] = true;
        delegated[merchant][address(asset)] = true;
    }

    function _open(uint256 hold, uint256 length) private {
        create(owner, clock + length, hold, false, 0, 0);
        _staff();
    }

    function _closed(uint256 hold, uint256 length, uint256 bonus) private {
        create(owner, clock + length, hold, true, clock + length + 2 * hold + 91 days, bonus);
        _staff();
    }

    /// @dev A funded campaign with a key and a merchant, so that short runs reach everything too.
    function _staff() private {
        vm.startPrank(owner);
        hub.setOperator(campaigns, keyOne, 20_000);
        hub.inviteMerchant(campaigns, baker);
        hub.inviteMerchant(campaigns, accomplice);
        vm.stopPrank();
        vm.prank(baker);
        hub.acceptMerchant(campaigns);
        caps[campaigns][keyOne] = 20_000;
        standing[campaigns][baker] = Standing.Accepted;
        standing[campaigns][accomplice] = Standing.Invited;
        _fundWith(owner, campaigns, 30_000, terms[campaigns].closed ? 500 : 0);
    }
}
